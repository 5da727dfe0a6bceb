"""What is still known after a restart."""

from pathlib import Path

import anyio
import pytest

from bot.memory import LATE_SECONDS, Memory, snowflake_at
from shared.clock import ManualClock

NOW = 1_750_000_000.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def at(seconds: float) -> int:
    """The id of a message written then, counted from the beginning of the test."""
    return snowflake_at(NOW + seconds)


def begun(path: Path, clock: ManualClock) -> Memory:
    memory = Memory(path, clock=clock)
    memory.release()
    return memory


async def written(memory: Memory, clock: ManualClock) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(memory.run)
        await anyio.sleep(0.02)
        await clock.advance(1)
        await anyio.sleep(0.02)
        tasks.cancel_scope.cancel()


def test_the_first_bot_of_all_missed_nothing(tmp_path: Path, clock: ManualClock) -> None:
    memory = Memory(tmp_path / "m.json", clock=clock)
    assert memory.is_new
    assert memory.since == snowflake_at(NOW)


def test_what_is_dealt_with_is_behind_us_but_for_what_may_come_late(
    tmp_path: Path, clock: ManualClock
) -> None:
    memory = begun(tmp_path / "m.json", clock)
    for second in (10, 100):
        assert memory.hear(at(second))
        memory.settle(at(second))
    assert at(10) < memory.since < at(100)
    assert memory.since <= at(100 - LATE_SECONDS)
    assert memory.knows(at(100))


def test_a_question_the_brain_does_not_have_holds_the_rest(
    tmp_path: Path, clock: ManualClock
) -> None:
    memory = begun(tmp_path / "m.json", clock)
    memory.hear(at(10))
    memory.hear(at(500))
    memory.settle(at(500))
    assert memory.since < at(10)
    memory.settle(at(10))
    assert memory.since > at(10)


def test_nothing_counts_while_nobody_listens(tmp_path: Path, clock: ManualClock) -> None:
    memory = begun(tmp_path / "m.json", clock)
    memory.hold()
    memory.hear(at(500))
    memory.settle(at(500))
    assert memory.since == at(0)
    memory.release()
    assert memory.since > at(400)


def test_a_message_is_heard_once(tmp_path: Path, clock: ManualClock) -> None:
    memory = begun(tmp_path / "m.json", clock)
    assert memory.hear(at(10))
    assert not memory.hear(at(10))
    memory.settle(at(10))
    assert not memory.hear(at(10))


async def test_the_next_bot_knows_all_of_it(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "data" / "m.json"
    memory = begun(path, clock)
    memory.hear(at(100))
    memory.settle(at(100))
    memory.hear(at(101))
    for channel in (7, 8, 7):
        memory.use_direct(channel)
    memory.note_answer("q-1-1-1-0", [11, 12])
    await written(memory, clock)
    again = Memory(path, clock=clock)
    assert not again.is_new
    assert again.since == memory.since
    assert again.knows(at(100))
    assert not again.knows(at(101))
    assert again.direct == [7, 8]
    assert again.answer("q-1-1-1-0") == [11, 12]
    assert again.answer_with(12) == "q-1-1-1-0"


async def test_a_file_that_cannot_be_read_counts_as_none(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "m.json"
    path.write_text("{broken")
    memory = begun(path, clock)
    assert memory.is_new
    await written(memory, clock)
    assert not Memory(path, clock=clock).is_new


async def test_a_folder_that_cannot_be_written_ends_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    memory = begun(tmp_path / "taken" / "m.json", clock)
    await written(memory, clock)
    memory.use_direct(7)
    assert memory.direct == [7]
