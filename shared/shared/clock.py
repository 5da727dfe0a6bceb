"""Time as an argument, so that a test can move it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Protocol

import anyio
import anyio.lowlevel


class Clock(Protocol):
    """What code that cares about time is handed."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC; for what is stored or shown."""

    def monotonic(self) -> float:
        """Seconds that never jump; for durations."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()  # noqa: TID251 - the one place that asks the machine

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class SteadyClock:
    """
    Another clock whose `now` never goes back, also when that of the machine is set back.

    It is then ahead by as much, until the machine's has caught up or the process ends.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()

    def now(self) -> float:
        monotonic = self._clock.monotonic()
        self._offset = max(self._offset, self._clock.now() - monotonic)
        return monotonic + self._offset

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class ManualClock:
    """A clock that stands still until a test moves it; sleepers wake in order of their hour."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now
        self._origin = now
        self._sleepers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._origin

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        woken = anyio.Event()
        self._count += 1
        heappush(self._sleepers, (self._now + seconds, self._count, woken.set))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Move time forward, letting everything that wakes on the way run to its next wait."""
        await anyio.wait_all_tasks_blocked()  # tasks just started get to where they sleep
        until = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            hour, _, wake = heappop(self._sleepers)
            self._now = max(self._now, hour)
            wake()
            await anyio.wait_all_tasks_blocked()
        self._now = until
        await anyio.wait_all_tasks_blocked()


def iso(seconds: float) -> str:
    """A moment (seconds since 1970) as ISO 8601 in UTC with milliseconds, `…T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
