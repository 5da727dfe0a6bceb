"""A clock for tests in which many tasks wait for many moments."""

from collections.abc import Callable
from heapq import heappop, heappush

import anyio
import anyio.lowlevel
import pytest

SETTLING_STEPS = 40
"""Steps of the event loop after which everything here waits again; nothing here does I/O."""


class QuickClock:
    """Like `ManualClock`, without asking the event loop (0.1 s each time) who still runs."""

    def __init__(self) -> None:
        self._now = 0.0
        self._count = 0
        self._sleepers: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        woken = anyio.Event()
        self._count += 1
        heappush(self._sleepers, (self._now + seconds, self._count, woken.set))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        until = self._now + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, wake = heappop(self._sleepers)
            wake()
            await self._settle()
        self._now = until

    async def _settle(self) -> None:
        for _ in range(SETTLING_STEPS):
            await anyio.lowlevel.checkpoint()


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()
