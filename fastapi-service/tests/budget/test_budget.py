from datetime import UTC, datetime

import anyio
import pytest

from brain.budget.budget import Budget, Limits
from brain.budget.errors import BudgetExceeded
from brain.budget.repository import Spent, UsageRepository
from shared.clock import ManualClock
from shared.store import Store
from shared.store.counting import CountingStore

SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SATURDAY)


def a_budget(
    store: Store,
    clock: ManualClock,
    *,
    free: int = 1000,
    timezone: str = "UTC",
    disabled: bool = False,
) -> Budget:
    limits = Limits(free=free, admin=5000, timezone=timezone, disabled=disabled)
    return Budget(UsageRepository(store), limits, clock=clock)


async def spend(
    budget: Budget, store: Store, tokens: int, *, request: str = "r", at: float = SATURDAY
) -> None:
    spent = Spent(request, tokens, "math", "rnj-1:8b", at)
    writes = budget.record("anna", spent)
    if writes:
        await store.write(*writes)
    budget.settle("anna", spent)


async def used(budget: Budget) -> int:
    return (await budget.standing("anna", "free")).used


async def test_a_full_budget_refuses_and_says_until_when(store: Store, clock: ManualClock) -> None:
    budget = a_budget(store, clock, timezone="Europe/Berlin")
    await spend(budget, store, 1200)
    with pytest.raises(BudgetExceeded) as refused:
        await budget.reserve("anna", "free", "r2", 100)
    assert refused.value.code == "budget.exceeded"
    assert refused.value.message == (
        "Weekly token budget exceeded. You have used 1,200 of 1,000 tokens; the budget is full "
        "again on Monday, 23 November 2026, 00:00 (Europe/Berlin)."
    )
    assert await budget.reserve("anna", "admin", "r3", 100)
    assert await budget.reserve("bert", "free", "r4", 100)


async def test_on_monday_at_midnight_of_the_zone_it_is_full_again(
    store: Store, clock: ManualClock
) -> None:
    budget = a_budget(store, clock, timezone="Europe/Berlin")
    await spend(budget, store, 1000)
    await clock.advance(35 * 3600 - 1)  # Sunday, 23:59:59 in Berlin
    with pytest.raises(BudgetExceeded):
        await budget.reserve("anna", "free", "r2", 100)
    await clock.advance(1)
    assert await budget.reserve("anna", "free", "r2", 100)
    assert await used(budget) == 0


async def test_questions_asked_at_once_cannot_overspend(store: Store, clock: ManualClock) -> None:
    budget = a_budget(store, clock)
    taken: list[str] = []

    async def ask(request: str) -> None:
        try:
            await budget.reserve("anna", "free", request, 300)
        except BudgetExceeded:
            return
        taken.append(request)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, f"r{number}")
    assert len(taken) == 3
    assert (await budget.standing("anna", "free")).reserved == 900


async def test_a_request_is_set_aside_once_however_often_it_is_asked(
    store: Store, clock: ManualClock
) -> None:
    budget = a_budget(store, clock)
    assert [await budget.reserve("anna", "free", "r", 600) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    assert (await budget.standing("anna", "free")).reserved == 600
    budget.release("r")
    assert (await budget.standing("anna", "free")).reserved == 0


async def test_a_crash_returns_what_was_set_aside_and_keeps_what_was_used(
    store: Store, clock: ManualClock
) -> None:
    before = a_budget(store, clock)
    await spend(before, store, 400)
    await before.reserve("anna", "free", "r2", 600)
    after = await a_budget(store, clock).standing("anna", "free")
    assert (after.used, after.reserved) == (400, 0)


async def test_an_end_written_twice_is_charged_once(store: Store, clock: ManualClock) -> None:
    budget = a_budget(store, clock)
    await used(budget)
    for _ in range(2):
        await spend(budget, store, 300)
    assert await used(budget) == 300
    assert await used(a_budget(store, clock)) == 300


@pytest.mark.parametrize("settled", ["before", "after"])
async def test_what_is_settled_while_the_week_is_read_counts_once(
    store: Store, clock: ManualClock, settled: str
) -> None:
    budget = a_budget(store, clock)
    spent = Spent("r", 300, None, None, SATURDAY)
    if settled == "before":
        await store.write(*budget.record("anna", spent))
    sums: list[int] = []

    async def read() -> None:
        sums.append(await used(budget))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.lowlevel.checkpoint()
        budget.settle("anna", spent)
        if settled == "after":
            await store.write(*budget.record("anna", spent))
    assert await used(budget) == 300


async def test_what_cost_nothing_leaves_no_row(store: Store, clock: ManualClock) -> None:
    budget = a_budget(store, clock)
    await budget.reserve("anna", "free", "r", 100)
    await spend(budget, store, 0)
    assert await store.query("users", "anna") == []
    assert (await budget.standing("anna", "free")).reserved == 0


async def test_a_bonus_counts_on_top_in_the_week_it_was_given(
    store: Store, clock: ManualClock
) -> None:
    budget = a_budget(store, clock)
    await spend(budget, store, 1000)
    for _ in range(2):
        await budget.grant("anna", 250)
    standing = await budget.standing("anna", "free")
    assert (standing.limit, standing.bonus, standing.total) == (1000, 500, 1500)
    assert await budget.reserve("anna", "free", "r2", 400)
    assert (await a_budget(store, clock).standing("anna", "free")).bonus == 500
    await clock.advance(7 * 86400)
    assert (await budget.standing("anna", "free")).bonus == 0


async def test_a_switched_off_budget_refuses_nobody_and_still_counts(
    store: Store, clock: ManualClock
) -> None:
    budget = a_budget(store, clock, disabled=True)
    await spend(budget, store, 5000)
    assert await budget.reserve("anna", "free", "r2", 500)
    assert await used(budget) == 5000


async def test_a_week_is_read_once(store: Store, clock: ManualClock) -> None:
    counting = CountingStore(store)
    budget = a_budget(counting, clock)
    await budget.reserve("anna", "free", "r0", 1)
    before = counting.count.total()
    for number in range(1, 5):
        await budget.reserve("anna", "free", f"r{number}", 1)
        budget.settle("anna", Spent(f"r{number}", 1, None, None, SATURDAY))
    assert counting.count.total() == before
    assert await used(budget) == 4


async def test_usage_is_forgotten_after_five_weeks(store: Store, clock: ManualClock) -> None:
    budget = a_budget(store, clock)
    await spend(budget, store, 10)
    await budget.grant("anna", 10)
    await clock.advance(36 * 86400)
    assert await store.query("users", "anna") == []
