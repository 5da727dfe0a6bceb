"""
A small machine inside this one: a limit on the real memory of some processes.

A GB of it is a few MB of ours. What its processes really take is measured twenty times a second and
written in the form of /proc/meminfo; the stalls are the kernel's own, of the control group of the
hogs where one can be made. Nothing enforces the limit: that it was kept is what is to be shown.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import psutil

import hog

EVERY_SECONDS = 0.05
GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
PRESSURE = Path("/proc/pressure/memory")


def taken_bytes(pid: int) -> int:
    """Memory that is this process's alone: resident less what comes from files. 0 when gone."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * 4096


def children(pid: int) -> list[psutil.Process]:
    """The processes that `pid` started and that run."""
    try:
        return [
            one for one in psutil.Process(pid).children() if one.status() != psutil.STATUS_ZOMBIE
        ]
    except psutil.NoSuchProcess:
        return []


@dataclass
class SmallMachine:
    """`total_gb` for all of `pids()`; its files are in `folder`."""

    folder: Path
    total_gb: float
    mb_per_gb: float
    pids: Callable[[], list[int]]
    history: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, available GB), by the monotonic clock."""

    hogs: list[subprocess.Popen[bytes]] = field(default_factory=list)
    group: Path | None = None

    @property
    def meminfo(self) -> Path:
        """For MEMINFO_FILE."""
        return self.folder / "meminfo"

    @property
    def pressure(self) -> Path:
        """For PRESSURE_FILE: the stalls of the hogs' group, else of the machine we are in."""
        return PRESSURE if self.group is None else self.group / "memory.pressure"

    @property
    def lowest_gb(self) -> float:
        """The least that was ever available."""
        return min(gb for _, gb in self.history)

    def full_avg10(self) -> float:
        """Per cent of the last 10 s in which nothing could go on for want of memory."""
        full = next(line for line in self.pressure.read_text().splitlines() if "full" in line)
        return float(full.split()[1].partition("=")[2])

    def measure(self) -> float:
        """Write what is available now, and return it."""
        hogs = [one.pid for one in self.hogs if one.poll() is None]
        taken = sum(taken_bytes(pid) for pid in (*self.pids(), *hogs))
        available = self.total_gb - taken / 1e6 / self.mb_per_gb
        rows = {"MemTotal": self.total_gb, "MemAvailable": max(0.0, available)}
        text = "".join(f"{name}: {int(gb * 1e9 / 1024)} kB\n" for name, gb in rows.items())
        fresh = self.folder / "meminfo.new"
        fresh.write_text(text)
        fresh.replace(self.meminfo)
        self.history.append((monotonic(), available))
        return available

    @contextmanager
    def running(self) -> Iterator["SmallMachine"]:
        """While this lasts it is measured; afterwards its hogs are gone."""
        self.group = _group(self.folder.name)
        over = threading.Event()

        def write() -> None:
            while not over.wait(EVERY_SECONDS):
                self.measure()

        self.measure()
        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield self
        finally:
            over.set()
            writer.join()
            for one in list(self.hogs):
                self.dismiss(one)
            if self.group is not None:
                self.group.rmdir()

    def hog(self, take_gb: float, *, gb_per_second: float = 5.0) -> subprocess.Popen[bytes]:
        """Another program that takes so much as soon as there is room."""
        words = [self.meminfo, self.mb_per_gb * 1e6, take_gb, gb_per_second, self.folder / "pages"]
        command = [sys.executable, hog.__file__, *(f"{word}" for word in words)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.group is not None:
            (self.group / "cgroup.procs").write_text(f"{process.pid}")
        self.hogs.append(process)
        return process

    def dismiss(self, process: subprocess.Popen[bytes]) -> None:
        """That program is gone, and its memory free."""
        process.kill()
        process.communicate()
        self.hogs.remove(process)
        (self.folder / "pages").unlink(missing_ok=True)


def _group(name: str) -> Path | None:
    """A control group of our own with stalls of its own; None where we may not make one."""
    for root in GROUPS:
        group = root / f"trollama-{os.getpid()}-{name}"
        try:
            if (root / "memory.pressure").exists():
                group.mkdir()
                return group
        except OSError:
            continue
    return None
