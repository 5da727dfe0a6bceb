from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import anyio
import pytest

from brain.jobs.errors import QueueFull, Superseded
from brain.jobs.job import Job
from brain.jobs.queue import Claim, JobQueue
from brain.jobs.repository import JobRepository, Stored
from shared.clock import ManualClock
from shared.errors import StoreUnavailable
from shared.protocol import AskOptions, Done, Failed
from shared.store import Item, Key, Row, Store, Write
from shared.tracing import request_id_for

numbers = count(1)


def a_job(ask: str, *, conversation: str = "", client: str = "c", model: str = "") -> Job:
    order = next(numbers)
    return Job(
        request_id=request_id_for("service", client, ask),
        ask_id=ask,
        principal="service",
        client_id=client,
        user_id="u",
        user_name="U",
        conversation=conversation or f"conversation of {ask}",
        text="?",
        surface="discord",
        asked_at=0.0,
        order=order,
        options=AskOptions(model=model or None),
    )


def done(job: Job) -> Done:
    return Done(ask_id=job.ask_id, request_id=job.request_id, text="!")


def a_closed_queue(
    store: Store,
    clock: ManualClock,
    *,
    workers: int = 1,
    max_waiting: int = 50,
    attempts: int = 3,
    resident: Collection[str] = (),
) -> JobQueue:
    return JobQueue(
        JobRepository(store, clock=clock),
        clock=clock,
        max_waiting=max_waiting,
        workers=workers,
        max_attempts=attempts,
        visibility_seconds=1200,
        likely=lambda job: job.options.model,
        resident=lambda: resident,
    )


async def a_queue(store: Store, clock: ManualClock, **options: Any) -> JobQueue:
    queue = a_closed_queue(store, clock, **options)
    await queue.open()
    return queue


async def take(queue: JobQueue) -> Claim:
    with anyio.fail_after(5):
        return await queue.take()


async def nothing_to_take(queue: JobQueue) -> bool:
    with anyio.move_on_after(0.05):
        await queue.take()
        return False
    return True


async def test_first_come_first_served(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock)
    jobs = [a_job(str(number)) for number in range(4)]
    for job in jobs:
        await queue.put(job)
    served = []
    for _ in jobs:
        claim = await take(queue)
        served.append(claim.job)
        await queue.end(claim.job, done(claim.job))
    assert served == jobs


async def test_positions_are_exact_and_fall_by_one(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock)
    placed = [await queue.put(a_job(str(number))) for number in range(4)]
    assert [place.position for place in placed] == [1, 1, 2, 3]
    claim = await take(queue)
    await queue.end(claim.job, done(claim.job))
    await take(queue)
    assert [queue.position(place.request_id) for place in placed[2:]] == [1, 2]


async def test_waiting_jobs_count_and_running_ones_do_not(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock, workers=2, max_waiting=3)
    for number in range(5):
        await queue.put(a_job(str(number)))
    with pytest.raises(QueueFull, match=r"^Queue is full\. 3 questions"):
        await queue.put(a_job("too many"))


async def test_the_same_ask_again_finds_its_place_even_when_the_queue_is_full(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, max_waiting=1)
    jobs = [a_job("1"), a_job("2")]
    for job in jobs:
        await queue.put(job)
    again = await queue.put(jobs[1])
    assert (again.repeated, again.position, again.end) == (True, 1, None)
    assert len(queue.waiting()) == 1


async def test_a_finished_ask_is_answered_with_its_end_frame(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, max_waiting=1)
    job = a_job("1")
    await queue.put(job)
    claim = await take(queue)
    await queue.end(claim.job, done(job))
    assert (await queue.put(a_job("1"))).end == done(job)
    for number in range(2):
        await queue.put(a_job(f"fills the queue {number}"))
    assert (await queue.put(a_job("1"))).end == done(job)


async def test_one_conversation_is_answered_one_question_at_a_time(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, workers=3)
    first, second = a_job("1", conversation="x"), a_job("2", conversation="x")
    other = a_job("3", conversation="y")
    for job in (first, second, other):
        await queue.put(job)
    assert {(await take(queue)).job.ask_id, (await take(queue)).job.ask_id} == {"1", "3"}
    assert await nothing_to_take(queue)
    await queue.end(first, done(first))
    assert (await take(queue)).job == second


async def test_a_job_given_back_delays_nobody_else_and_keeps_its_place(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock)
    first, second, third = (a_job(str(number)) for number in range(3))
    for job in (first, second, third):
        await queue.put(job)
    claim = await take(queue)
    await queue.give_back(claim, after_seconds=4, counts=True)
    assert (await take(queue)).job == second
    await clock.advance(4)
    await queue.end(second, done(second))
    again = await take(queue)
    assert (again.job, again.attempt) == (first, 2)


async def test_later_questions_of_a_conversation_wait_for_one_that_was_given_back(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock)
    first, second = a_job("1", conversation="x"), a_job("2", conversation="x")
    for job in (first, second):
        await queue.put(job)
    await queue.give_back(await take(queue), after_seconds=4, counts=False)
    assert await nothing_to_take(queue)
    await clock.advance(4)
    queue.wake()
    claim = await take(queue)
    assert (claim.job, claim.attempt) == (first, 1)


async def test_a_restart_keeps_the_order_and_counts_the_attempt_of_what_ran(
    store: Store, clock: ManualClock
) -> None:
    before = await a_queue(store, clock)
    jobs = [a_job(str(number)) for number in range(3)]
    for job in jobs:
        await before.put(job)
    await take(before)

    after = await a_queue(store, clock)
    claims = []
    for _ in jobs:
        claims.append(await take(after))
        await after.end(claims[-1].job, done(claims[-1].job))
    assert [(claim.job, claim.attempt) for claim in claims] == [
        (jobs[0], 2),
        (jobs[1], 1),
        (jobs[2], 1),
    ]


async def test_a_brain_that_was_replaced_can_change_nothing(
    store: Store, clock: ManualClock
) -> None:
    before = await a_queue(store, clock)
    job = a_job("1")
    await before.put(job)
    claim = await take(before)
    await a_queue(store, clock)
    with pytest.raises(Superseded):
        await before.heartbeat(claim)
    with pytest.raises(Superseded):
        await before.end(job, done(job))


async def test_a_job_that_took_its_brain_down_too_often_is_handed_out_as_worn_out(
    store: Store, clock: ManualClock
) -> None:
    job = a_job("poison")
    queue = await a_queue(store, clock, attempts=2)
    await queue.put(job)
    await take(queue)
    queue = await a_queue(store, clock, attempts=2)
    assert (await take(queue)).attempt == 2
    queue = a_closed_queue(store, clock, attempts=2)
    assert [stored.job for stored in await queue.open()] == [job]
    assert await nothing_to_take(queue)
    failed = Failed(ask_id="poison", code="internal", message="gave up")
    await queue.end(job, failed)
    assert (await queue.put(a_job("poison"))).end == failed


async def test_a_job_without_a_heartbeat_is_overdue_after_the_visibility_timeout(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock)
    await queue.put(a_job("1"))
    claim = await take(queue)
    await clock.advance(1199)
    await queue.heartbeat(claim)
    await clock.advance(1199)
    assert queue.overdue() == []
    await clock.advance(1)
    assert queue.overdue() == [claim.job.request_id]


async def test_a_withdrawn_job_never_starts(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock)
    jobs = [a_job(str(number)) for number in range(3)]
    for job in jobs:
        await queue.put(job)
    await take(queue)
    assert queue.cancel(jobs[1].request_id) == jobs[1]
    await queue.end(jobs[1], done(jobs[1]))
    await queue.end(jobs[0], done(jobs[0]))
    assert (await take(queue)).job == jobs[2]


async def test_ends_wait_in_the_store_until_they_are_acknowledged(
    store: Store, clock: ManualClock
) -> None:
    queue, repository = await a_queue(store, clock, workers=3), JobRepository(store, clock=clock)
    jobs = [a_job(ask, client="bot") for ask in ("z", "a", "m")]
    for job in jobs:
        await queue.put(job)
        await queue.end((await take(queue)).job, done(job))
    assert await repository.unshown("service", "bot") == [done(job) for job in jobs]
    await repository.shown("service", "bot", ["z", "m"])
    assert await repository.unshown("service", "bot") == [done(jobs[1])]
    assert await repository.unshown("service", "another") == []


class Failing:
    """A store that fails once on demand, after or before the write has happened."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fail_next: str | None = None

    async def get(self, key: Key) -> Item | None:
        return await self._store.get(key)

    async def query(
        self,
        table: str,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[Row]:
        return await self._store.query(
            table, pk, prefix=prefix, after=after, limit=limit, newest_first=newest_first
        )

    async def write(self, *writes: Write) -> None:
        when, self.fail_next = self.fail_next, None
        if when != "before":
            await self._store.write(*writes)
        if when is not None:
            raise StoreUnavailable("test")

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        return await self._store.add(key, attribute, amount)


async def test_a_put_that_failed_leaves_no_trace_and_can_be_repeated(
    store: Store, clock: ManualClock
) -> None:
    failing = Failing(store)
    queue = await a_queue(failing, clock)
    failing.fail_next = "before"
    with pytest.raises(StoreUnavailable):
        await queue.put(a_job("1"))
    assert (queue.running_count, queue.waiting()) == (0, [])
    assert (await queue.put(a_job("1"))).repeated is False


@pytest.mark.parametrize("fails", [False, True])
async def test_the_same_ask_while_it_is_written_hears_what_became_of_it(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    queue = await a_queue(store, clock)
    write, opened = store.write, anyio.Event()

    async def held(*writes: Any) -> None:
        await opened.wait()
        if fails:
            raise StoreUnavailable("test")
        await write(*writes)

    monkeypatch.setattr(store, "write", held)
    heard: list[Any] = []

    async def ask() -> None:
        try:
            heard.append((await queue.put(a_job("1"))).repeated)
        except StoreUnavailable as failure:
            heard.append(failure.code)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        before = list(heard)
        opened.set()
    assert before == []
    assert heard == (["store.unavailable"] * 3 if fails else [False, True, True])


async def test_a_put_that_happened_although_it_failed_is_found_by_its_repeat(
    store: Store, clock: ManualClock
) -> None:
    failing = Failing(store)
    queue = await a_queue(failing, clock)
    failing.fail_next = "after"
    with pytest.raises(StoreUnavailable):
        await queue.put(a_job("1"))
    assert (await queue.put(a_job("1"))).repeated is True
    assert (await take(queue)).job.ask_id == "1"


async def test_a_claim_that_cannot_be_stored_is_tried_again(
    store: Store, clock: ManualClock
) -> None:
    failing = Failing(store)
    queue = await a_queue(failing, clock)
    first, second = a_job("1"), a_job("2")
    for job in (first, second):
        await queue.put(job)
    claim = await take(queue)
    await queue.end(claim.job, done(first))
    failing.fail_next = "before"
    taken: list[Claim] = []

    async def taker() -> None:
        taken.append(await queue.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(taker)
        while not clock_has_sleepers(clock):
            await anyio.sleep(0.01)
        await clock.advance(1)
    assert (taken[0].job, taken[0].attempt) == (second, 1)


def clock_has_sleepers(clock: ManualClock) -> bool:
    return bool(clock._sleepers)


async def test_orders_rise_although_the_clock_stands_still(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock)
    orders = [queue.next_order() for _ in range(3)]
    assert orders == sorted(set(orders))


async def test_an_ask_waits_until_what_earlier_brains_left_was_read(
    store: Store, clock: ManualClock
) -> None:
    queue = a_closed_queue(store, clock)
    placed: list[str] = []

    async def put() -> None:
        placed.append((await queue.put(a_job("early"))).request_id)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        await anyio.wait_all_tasks_blocked()
        assert placed == []
        await queue.open()
    assert len(placed) == 1


async def test_nothing_is_cancelled_before_it_is_known_what_there_is(
    store: Store, clock: ManualClock
) -> None:
    with pytest.raises(StoreUnavailable):
        a_closed_queue(store, clock).cancel("any")


async def test_reset_waits_for_its_own_conversation_only(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock, max_waiting=2)
    first, second, third = (a_job(str(n), conversation="x") for n in range(3))
    reset = replace(a_job("reset", conversation="y"), kind="reset")
    blocked = replace(a_job("blocked", conversation="x"), kind="reset")
    for job in (first, second, third, reset, blocked):
        await queue.put(job)
    assert (await take(queue)).job == first
    assert (await take(queue)).job == reset
    assert await nothing_to_take(queue)


async def test_position_is_the_order_in_which_work_would_start(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, workers=2)
    for ask in ("1", "2", "3"):
        await queue.put(a_job(ask, conversation="x"))
    other = a_job("4", conversation="z")
    await queue.put(other)
    placed = await queue.put(a_job("5", conversation="y"))
    for _ in range(2):
        await take(queue)
    await queue.end(other, done(other))
    assert (await take(queue)).job.ask_id == "5"
    assert placed.position == 1


async def test_a_repeat_while_the_store_is_read_is_not_lined_up_twice(
    store: Store, clock: ManualClock
) -> None:
    repository = JobRepository(store, clock=clock)
    queue = await a_queue(store, clock)
    job = a_job("1")
    stray = Stored(job, "waiting", 0)
    await queue.put(job)
    assert queue._line_up([stray]) == []
    assert len(queue.waiting()) + queue.running_count == 1
    assert await repository.get(job.request_id) is not None


async def test_a_job_whose_asker_was_told_it_was_not_taken_is_ended_and_not_answered(
    store: Store, clock: ManualClock
) -> None:
    failing = Failing(store)
    queue = await a_queue(failing, clock)
    failing.fail_next = "after"
    with pytest.raises(StoreUnavailable):
        await queue.put(a_job("1"))
    assert [stored.job.ask_id for stored in await queue.reconcile()] == ["1"]
    assert await nothing_to_take(queue)


async def test_an_open_job_of_unknown_origin_is_lined_up(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock)
    repository = JobRepository(store, clock=clock)
    await repository.add(a_job("1"), running=False)
    assert await queue.reconcile() == []
    assert (await take(queue)).job.ask_id == "1"


async def test_a_replaced_queue_learns_it_when_it_reconciles(
    store: Store, clock: ManualClock
) -> None:
    before = await a_queue(store, clock)
    await a_queue(store, clock)
    with pytest.raises(Superseded):
        await before.reconcile()


async def served(queue: JobQueue, jobs: int) -> list[str]:
    asks = []
    for _ in range(jobs):
        claim = await take(queue)
        asks.append(claim.job.ask_id)
        await queue.end(claim.job, done(claim.job))
    return asks


async def test_questions_for_a_model_in_memory_pass_those_for_another(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    for ask, model in (("0", "small"), ("1", "big"), ("2", "small"), ("3", "big"), ("4", "small")):
        await queue.put(a_job(ask, model=model))
    assert [job.ask_id for job in queue.waiting()] == ["2", "4", "1", "3"]
    assert await served(queue, 5) == ["0", "2", "4", "1", "3"]


async def test_nobody_is_passed_more_than_eight_times(store: Store, clock: ManualClock) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    await queue.put(a_job("first", model="small"))
    await queue.put(a_job("big", model="big"))
    for number in range(10):
        await queue.put(a_job(str(number), model="small"))
    assert (await served(queue, 12)).index("big") == 9


async def test_a_question_whose_model_nobody_can_tell_keeps_its_place(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    for ask, model in (("0", "small"), ("1", ""), ("2", "small"), ("3", "")):
        await queue.put(a_job(ask, model=model))
    assert await served(queue, 4) == ["0", "1", "2", "3"]


async def test_a_conversation_keeps_its_order_whatever_is_in_memory(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    await queue.put(a_job("0", model="small"))
    for ask, model in (("1", "big"), ("2", "small")):
        await queue.put(a_job(ask, model=model, conversation="x"))
    assert await served(queue, 3) == ["0", "1", "2"]


async def test_while_one_waits_for_its_model_its_slot_serves_those_whose_model_is_there(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    for ask, model in (("0", "big"), ("1", "huge"), ("2", ""), ("3", "small")):
        await queue.put(a_job(ask, model=model))
    waits = await take(queue)
    assert await nothing_to_take(queue)
    queue.slot(waits).lend()
    small = await take(queue)
    assert small.job.ask_id == "3"
    assert await nothing_to_take(queue)
    await queue.end(small.job, done(small.job))
    await queue.slot(waits).regain()
    assert await nothing_to_take(queue)
    assert [job.ask_id for job in queue.waiting()] == ["2", "1"]
    await queue.end(waits.job, done(waits.job))
    assert await served(queue, 2) == ["2", "1"]


async def test_a_new_question_for_a_model_in_memory_starts_at_once_on_a_lent_slot(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    await queue.put(a_job("0", model="big"))
    queue.slot(await take(queue)).lend()
    await queue.put(a_job("1", model="big"))
    placed = await queue.put(a_job("2", model="small"))
    assert queue.is_running(placed.request_id)
    assert (await take(queue)).job.ask_id == "2"


async def test_who_was_passed_eight_times_is_passed_on_lent_slots_no_more(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    for ask in ("0", "1"):
        await queue.put(a_job(ask, model="big"))
    queue.slot(await take(queue)).lend()
    for number in range(8):
        await queue.put(a_job(f"small {number}", model="small"))
        await served(queue, 1)
    await queue.put(a_job("late", model="small"))
    assert await nothing_to_take(queue)


async def test_an_attempt_that_ends_while_its_slot_is_lent_leaves_no_slot_behind(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    await queue.put(a_job("0", model="big"))
    waits = await take(queue)
    queue.slot(waits).lend()
    await queue.give_back(waits, after_seconds=1, counts=True)
    for ask in ("1", "2"):
        await queue.put(a_job(ask, model="small"))
    await take(queue)
    assert await nothing_to_take(queue)


async def test_models_that_cannot_be_loaded_hold_up_nobody_who_wants_another(
    store: Store, clock: ManualClock
) -> None:
    queue = await a_queue(store, clock, resident={"small"})
    for ask, model in (("0", "big"), ("1", "big"), ("2", "huge"), ("3", "huge")):
        await queue.put(a_job(ask, model=model))
    queue.slot(await take(queue)).lend()
    huge = await take(queue)
    assert huge.job.ask_id == "2"
    queue.slot(huge).lend()
    assert await nothing_to_take(queue), "one that waits for each model is enough"
