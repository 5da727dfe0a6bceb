"""
Pressure stall information: reading it, and being woken by it.

The kernel's Documentation/accounting/psi.rst has the format and the triggers. Without
CAP_SYS_RESOURCE the window of a trigger must be a multiple of 2 s, which both of ours are.
"""

import math
import os
import select
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio

from brain.vram.memory.files import Unreadable, read_text, whole_number
from brain.vram.memory.sample import Psi

TRIGGERS = (b"some 300000 2000000\0", b"full 100000 2000000\0")
"""300 ms of some, 100 ms of full stalls within 2 s (design: pressure)."""

ENDED = select.EPOLLERR | select.EPOLLHUP


def read_psi(path: Path) -> Psi:
    """What `path`, in the form of /proc/pressure/memory, says. Raises `Unreadable`."""
    lines = (line.split() for line in read_text(path).splitlines())
    fields = {
        f"{words[0]}_{name}": value
        for words in lines
        for name, _, value in (word.partition("=") for word in words[1:])
    }
    try:
        some10, some60, some300 = (_per_cent(fields[f"some_avg{n}"]) for n in (10, 60, 300))
        full10, full60, full300 = (_per_cent(fields[f"full_avg{n}"]) for n in (10, 60, 300))
    except (KeyError, ValueError) as failure:
        raise Unreadable(f"{path} does not hold pressure averages") from failure
    return Psi(
        some_avg10=some10,
        some_avg60=some60,
        some_avg300=some300,
        full_avg10=full10,
        full_avg60=full60,
        full_avg300=full300,
        some_total_us=whole_number(fields.get("some_total", "")) or 0,
        full_total_us=whole_number(fields.get("full_total", "")) or 0,
    )


class PsiTriggers:
    """Wakes whoever waits when the kernel sees stalls. Close it, or use it as a context."""

    def __init__(self, files: Sequence[int]) -> None:
        self._files = files
        # A trigger is always "readable"; only EPOLLPRI is news. So the loop watches an epoll that
        # watches for that alone, which needs no thread.
        self._news = select.epoll(flags=select.EPOLL_CLOEXEC)
        for file in files:
            self._news.register(file, select.EPOLLPRI)

    async def wait(self) -> bool:
        """Return True when there were stalls (or might have been), False when triggers ended."""
        await anyio.wait_readable(self._news)
        # Asking resets it; the loop may have done so already, which leaves nothing to see here.
        return not any(what & ENDED for _, what in self._news.poll(0))

    def close(self) -> None:
        """Twice is once."""
        self._news.close()
        for file in self._files:
            with suppress(OSError):
                os.close(file)
        self._files = ()


def open_triggers(path: Path) -> PsiTriggers | None:
    """
    Triggers on the kernel's own `path`; None where it has none to give.

    A plain file never gets one, as setting a trigger is writing to the file.
    """
    files: list[int] = []
    try:
        if os.stat(path).st_dev != os.stat("/proc/self").st_dev:  # noqa: PTH116 - device of procfs
            return None
        for trigger in TRIGGERS:
            files.append(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
            os.write(files[-1], trigger)
        return PsiTriggers(files)
    except OSError:  # no such file, no right to write, an old kernel: reading has to do
        for file in files:
            os.close(file)
        return None


def _per_cent(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError(text)
    return value
