"""Time that a test moves."""

import anyio
import pytest

from shared.clock import ManualClock, SteadyClock, SystemClock, iso


async def test_sleepers_wake_in_the_order_of_their_hour(clock: ManualClock) -> None:
    woken: list[tuple[str, float]] = []
    start = clock.now()

    async def sleep(name: str, *seconds: float) -> None:
        for duration in seconds:
            await clock.sleep(duration)
            woken.append((name, clock.now() - start))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep, "late", 5)
        tasks.start_soon(sleep, "often", 2, 2, 2)
        await clock.advance(6)
    assert woken == [("often", 2), ("often", 4), ("late", 5), ("often", 6)]


async def test_nobody_wakes_before_the_hour(clock: ManualClock) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 10)
        await clock.advance(9.9)
        assert tasks.cancel_scope.cancel_called is False
        with anyio.move_on_after(0) as waited:
            await clock.sleep(0.05)
        assert waited.cancelled_caught
        await clock.advance(0.1)


async def test_a_cancelled_sleeper_leaves_the_others_alone(clock: ManualClock) -> None:
    woken: list[str] = []

    async def sleep(scope: anyio.CancelScope, name: str) -> None:
        with scope:
            await clock.sleep(1)
            woken.append(name)

    async with anyio.create_task_group() as tasks:
        cancelled = anyio.CancelScope()
        tasks.start_soon(sleep, cancelled, "cancelled")
        tasks.start_soon(sleep, anyio.CancelScope(), "patient")
        await anyio.wait_all_tasks_blocked()
        cancelled.cancel()
        await clock.advance(1)
    assert woken == ["patient"]


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_sleep_of_nothing_returns(clock: ManualClock, seconds: float) -> None:
    await clock.sleep(seconds)


async def test_monotonic_counts_from_the_start(clock: ManualClock) -> None:
    await clock.advance(2.5)
    assert clock.monotonic() == 2.5


async def test_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now() > 1_700_000_000


class Moved(ManualClock):
    """A machine whose clock is set while everything else goes on."""

    by = 0.0

    def now(self) -> float:
        return super().now() + self.by


async def test_a_steady_clock_goes_on_when_the_machines_is_set_back() -> None:
    machine = Moved(now=1000.0)
    clock = SteadyClock(machine)
    await machine.advance(10)
    machine.by = -3600.0
    assert clock.now() == 1010.0
    await machine.advance(5)
    assert (clock.now(), clock.monotonic()) == (1015.0, 15.0)
    machine.by = 60.0
    assert clock.now() == machine.now() == 1075.0
    machine.by = 0.0
    assert clock.now() == 1075.0


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1_750_000_000.1239) == "2025-06-15T15:06:40.123Z"
