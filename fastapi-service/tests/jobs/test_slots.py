from itertools import count

import anyio
import pytest
from anyio.lowlevel import checkpoint

from brain.jobs.job import Job
from brain.jobs.order import Place
from brain.jobs.slots import MAX_LENT, Slots


class Desk:
    """Slots, and those who work there."""

    def __init__(self, slots: int) -> None:
        self.freed = 0
        self.slots = Slots(slots, freed=self._note)
        self.numbers = count(1)
        self.back: list[str] = []

    def _note(self) -> None:
        self.freed += 1

    def start(self) -> str:
        order = next(self.numbers)
        name = f"r{order}"
        job = Job(
            request_id=name,
            ask_id=name,
            principal="service",
            client_id="c",
            user_id="u",
            user_name="U",
            conversation=name,
            text="?",
            surface="discord",
            asked_at=0.0,
            order=order,
        )
        self.slots.start(Place(job))
        return name

    async def regain(self, name: str) -> None:
        await self.slots.regain(name)
        self.back.append(name)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_slot_that_is_lent_lets_another_start_and_is_lent_once() -> None:
    desk = Desk(1)
    first = desk.start()
    assert desk.slots.room == "none"
    desk.slots.lend(first)
    desk.slots.lend(first)
    assert (desk.slots.room, desk.freed) == ("lent", 1)
    desk.start()
    assert desk.slots.room == "none"


def test_eight_are_started_beyond_the_slots_and_no_more() -> None:
    desk = Desk(2)
    for _ in range(2 + MAX_LENT):
        assert desk.slots.room != "none"
        desk.slots.lend(desk.start())
    assert desk.slots.room == "none"


async def test_who_never_lent_or_finds_a_free_slot_goes_on_at_once() -> None:
    desk = Desk(2)
    first, second = desk.start(), desk.start()
    desk.slots.lend(second)
    with anyio.fail_after(1):
        await desk.regain(first)
        await desk.regain(second)
    assert desk.slots.room == "none"


async def test_those_who_come_back_wait_for_a_slot_oldest_first_and_before_new_ones() -> None:
    desk = Desk(1)
    first = desk.start()
    desk.slots.lend(first)
    second = desk.start()
    desk.slots.lend(second)
    third = desk.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.regain, second)
        tasks.start_soon(desk.regain, first)
        await anyio.wait_all_tasks_blocked()
        assert desk.back == []
        desk.slots.leave(third)
        await anyio.wait_all_tasks_blocked()
        assert (desk.back, desk.slots.room) == ([first], "none")
        desk.slots.leave(first)
    assert desk.back == [first, second]


async def test_who_waits_for_a_slot_gets_one_that_is_lent() -> None:
    desk = Desk(1)
    first = desk.start()
    desk.slots.lend(first)
    second = desk.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.regain, first)
        await anyio.wait_all_tasks_blocked()
        desk.slots.lend(second)
    assert desk.back == [first]


async def test_who_is_cancelled_while_waiting_for_a_slot_keeps_nobody_from_it() -> None:
    desk = Desk(1)
    first = desk.start()
    desk.slots.lend(first)
    second = desk.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.regain, first)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
        await checkpoint()
    desk.slots.leave(first)
    desk.slots.leave(second)
    assert desk.slots.room == "own"


async def test_however_they_wait_and_come_back_everybody_is_answered() -> None:
    """All of 40 wait for models twice; never more work than there are slots."""
    desk, at_work, most = Desk(3), 0, 0
    slots = desk.slots

    async def one(name: str, number: int) -> None:
        nonlocal at_work, most
        for turn in range(2):
            slots.lend(name)
            for _ in range((number * 7 + turn * 3) % 5):
                await checkpoint()
            await slots.regain(name)
            at_work += 1
            most = max(most, at_work)
            await checkpoint()
            at_work -= 1
        slots.leave(name)
        desk.back.append(name)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                while slots.room == "none":
                    await checkpoint()
                tasks.start_soon(one, desk.start(), number)
    assert len(desk.back) == 40
    assert most <= 3
