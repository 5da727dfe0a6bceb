"""Work that goes on for ever."""

import anyio
import pytest
from structlog.testing import capture_logs

from shared.background import keep_running
from shared.clock import ManualClock


async def test_a_step_runs_at_once_and_then_at_its_pace(clock: ManualClock) -> None:
    runs: list[float] = []

    async def step() -> None:
        runs.append(clock.monotonic())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: keep_running("x", step, every_seconds=5, clock=clock))
        await clock.advance(12)
        tasks.cancel_scope.cancel()
    assert runs == [0, 5, 10]


async def test_failures_are_logged_and_retried_later_and_later_until_one_succeeds(
    clock: ManualClock,
) -> None:
    runs: list[float] = []

    async def step() -> None:
        runs.append(clock.monotonic())
        if len(runs) <= 4:
            raise OSError("no route to anywhere")

    with capture_logs() as lines:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                lambda: keep_running("fetch", step, every_seconds=5, clock=clock, backoff_max=30)
            )
            await clock.advance(101)
            tasks.cancel_scope.cancel()
    assert runs == [0, 10, 30, 60, 90, 95, 100]
    assert [line["event"] for line in lines] == ["background.failed"] * 4
    assert {line["task"] for line in lines} == {"fetch"}
    assert lines[0]["error"] == "no route to anywhere"


async def test_cancellation_is_the_way_out_also_in_the_middle_of_a_step(
    clock: ManualClock,
) -> None:
    with anyio.move_on_after(0.01) as scope, capture_logs() as lines:
        await keep_running("x", anyio.sleep_forever, every_seconds=1, clock=clock)
    assert scope.cancelled_caught
    assert lines == []


async def test_what_is_no_exception_of_the_step_is_not_caught(clock: ManualClock) -> None:
    async def step() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await keep_running("x", step, every_seconds=1, clock=clock)
