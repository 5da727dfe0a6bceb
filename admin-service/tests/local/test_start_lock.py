from pathlib import Path

import anyio
import pytest

from admin.local.start_lock import StartLock
from shared.clock import ManualClock


async def test_the_second_start_waits_for_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock()
    order: list[str] = []

    async def second() -> None:
        async with StartLock(tmp_path, clock=clock):
            order.append("second")

    async with anyio.create_task_group() as group:
        async with StartLock(tmp_path, clock=clock):
            group.start_soon(second)
            await clock.advance(5)
            order.append("first")
        await clock.advance(1)
    assert order == ["first", "second"]
    assert capsys.readouterr().out.count("Another ./start.sh is at work") == 1


async def test_a_start_that_goes_on_in_the_foreground_lets_others_in(tmp_path: Path) -> None:
    clock = ManualClock()
    async with StartLock(tmp_path, clock=clock) as first:
        first.release()
        async with StartLock(tmp_path, clock=clock):
            pass
