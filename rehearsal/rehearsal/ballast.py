"""
Real memory that stands for the memory of scripted models: one child process per model.

A child touches every page of its share, so that the machine's memory really shrinks, and is killed
when the model leaves. Killed by anybody else, it is a model that died.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import Process, TaskGroup

from rehearsal.beside import beside
from rehearsal.errors import RunnerDied

BYTES_PER_MB = 1_000_000
KILLED = "llama runner process has terminated: signal: killed"

_CHILD = """
import mmap, sys, time
size, seconds = int(sys.argv[1]), float(sys.argv[2])
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
began, step = time.monotonic(), 4_194_304
for start in range(0, size, step):
    for page in range(start, min(start + step, size), 4096):
        memory[page] = 1
    time.sleep(max(0.0, began + seconds * start / size - time.monotonic()))
print("ready", flush=True)
sys.stdin.read()
"""
"""Its end of stdin is closed when the rehearsal ends in whatever way, and so does the child."""


class Ballast:
    """`mb_per_gb` MB (10^6 bytes) of memory for every GB of a scripted model; 0 for none."""

    def __init__(self, mb_per_gb: float) -> None:
        self._mb_per_gb = mb_per_gb
        self._held: dict[str, Process] = {}
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def aboard(self) -> AsyncIterator[None]:
        """While this lasts memory can be held; all of it is given back at the end."""
        if not self._mb_per_gb:
            yield
            return
        async with beside() as self._tasks:
            try:
                yield
            finally:
                for name in list(self._held):
                    self.drop(name)

    async def hold(
        self, name: str, size_gb: float, *, seconds: float, died: Callable[[], None]
    ) -> None:
        """
        Return when the memory for `name` is taken, which spreads over real `seconds`.

        `died` is called when its process ends by itself later. Raises `RunnerDied` when it ends
        before that.
        """
        if self._tasks is None:
            return
        size = max(int(size_gb * self._mb_per_gb * BYTES_PER_MB), 1)
        command = [sys.executable, "-I", "-S", "-c", _CHILD, str(size), str(seconds)]
        process = await anyio.open_process(command, stderr=subprocess.DEVNULL)
        self._held[name] = process
        self._tasks.start_soon(self._watch, name, process, died)
        assert process.stdout is not None
        ready = False
        try:
            await process.stdout.receive()
            ready = True
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError) as ended:
            raise RunnerDied(KILLED) from ended
        finally:
            if not ready and self._held.get(name) is process:
                self.drop(name)

    def drop(self, name: str) -> None:
        """The memory of `name`, if it has any, is free again."""
        process = self._held.pop(name, None)
        if process is not None and process.returncode is None:
            process.kill()

    def pid(self, name: str) -> int | None:
        """The process that holds the memory of `name`."""
        process = self._held.get(name)
        return None if process is None else process.pid

    async def _watch(self, name: str, process: Process, died: Callable[[], None]) -> None:
        try:
            await process.wait()
        finally:
            await process.aclose()
        if self._held.get(name) is process:
            del self._held[name]
            died()
