"""One life of one service: from its start, over the moment it is live, to its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process as Child

from admin.local.health import until_it_answers
from admin.local.logbook import LineSplitter, Logbook
from admin.local.processes import signal_group
from admin.local.programs import Program
from admin.local.restarts import Pace
from shared.clock import Clock

DRAIN_SECONDS = 1.0
"""How long the output of a dead service is waited for; a grandchild may hold the pipe open."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: exit code (None: never became live), and how long it was live."""

    code: int | None
    lived_seconds: float


@dataclass(slots=True)
class Life:
    """A service is run once by `run`; `born` and `live` are told the pid when it is so."""

    service: Program
    root: Path
    logbook: Logbook
    clock: Clock
    pace: Pace
    born: Callable[[int], None]
    live: Callable[[int], None]
    _live_since: float | None = field(default=None, init=False)
    _too_late: bool = field(default=False, init=False)

    async def run(self) -> Ended:
        """Until it ends, by itself or because it was not live in time; a cancel ends it."""
        child = await self._start()
        self.born(child.pid)
        try:
            async with anyio.create_task_group() as reading:
                reading.start_soon(self._copy_output, child)
                try:
                    await self._watch(child)
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._end(child)
        finally:
            with anyio.CancelScope(shield=True):
                await child.aclose()
        since = self._live_since
        lived = 0.0 if since is None else self.clock.monotonic() - since
        return Ended(None if self._too_late else child.returncode, lived)

    async def _start(self) -> Child:
        program = [str(os.getpid()), "-m", self.service.module, *self.service.arguments]
        inherited = os.environ  # noqa: TID251 - handed on as it is, nothing in it is read here
        return await anyio.open_process(
            [sys.executable, "-m", "admin.local.child", *program],
            cwd=self.root,
            env={**inherited, **self.service.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own process group: a Ctrl-C reaches only the supervisor
        )

    async def _watch(self, child: Child) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._become_live, child)
            await child.wait()
            group.cancel_scope.cancel()

    async def _become_live(self, child: Child) -> None:
        with anyio.move_on_after(self.pace.start_seconds) as limit:
            await until_it_answers(self.service.health_url)
        if limit.cancelled_caught:
            self._too_late = True
            signal_group(child.pid, signal.SIGKILL)
            return
        self._live_since = self.clock.monotonic()
        self.live(child.pid)

    async def _copy_output(self, child: Child) -> None:
        # Shielded: a full pipe would keep a service that is being stopped from ending.
        with anyio.CancelScope(shield=True):
            assert child.stdout is not None
            lines = LineSplitter()
            async for chunk in child.stdout:
                await self._write(lines.feed(chunk))
            await self._write(lines.finish())

    async def _write(self, lines: list[str]) -> None:
        if lines:
            await anyio.to_thread.run_sync(self.logbook.write, self.service.name, lines)

    async def _end(self, child: Child) -> None:
        if child.returncode is None:
            signal_group(child.pid, signal.SIGTERM)
            with anyio.move_on_after(self.pace.stop_seconds):
                await child.wait()
        # Also when the leader ended by itself: nobody of its group may stay and hold the pipe.
        signal_group(child.pid, signal.SIGKILL)
        await child.wait()
