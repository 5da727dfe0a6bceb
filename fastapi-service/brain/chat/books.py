"""What is written down about every request: what it cost, and whatever else wants to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from brain.budget.budget import Budget
from brain.budget.ledger import Tier, expected_tokens
from brain.budget.repository import Spent
from brain.jobs.job import Job
from brain.jobs.order import WITHOUT_MODEL
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.protocol import Budget as BudgetFrame
from shared.protocol import Done, End, Usage
from shared.store import Write


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a book adds to the end of a request.

    `end` is the frame as it is to be shown, `writes` belong to its transaction and never ask for a
    condition, `kept` is called once they are in the store.
    """

    end: End
    writes: Sequence[Write] = ()
    kept: Callable[[], None] = _nothing


class Book(Protocol):
    """Someone who keeps account of requests."""

    def reopen(self, job: Job) -> None:
        """An earlier brain left this request open."""

    async def close(self, job: Job, end: End, usage: Usage) -> Entry:
        """This request is about to end so; `usage` is what was read and said for it."""


class Spending:
    """The budget's book, and its gate: sets tokens aside at the door and settles at the end."""

    def __init__(self, budget: Budget, *, length_of: Callable[[Job], int], clock: Clock) -> None:
        """`length_of`: how much a job asks, in characters."""
        self._budget = budget
        self._length_of = length_of
        self._clock = clock

    async def admit(self, job: Job) -> bool:
        """Set aside what `job` may cost. Raises `BudgetExceeded`, `StoreUnavailable`."""
        if job.kind in WITHOUT_MODEL:
            return False
        tokens = expected_tokens(self._length_of(job))
        return await self._budget.reserve(job.user_id, tier_of(job), job.request_id, tokens)

    def dismiss(self, job: Job) -> None:
        """`job` was not taken after all."""
        self._budget.release(job.request_id)

    def reopen(self, job: Job) -> None:
        """Set aside again what an earlier brain had."""
        if job.kind not in WITHOUT_MODEL:
            self._budget.hold(job.user_id, job.request_id, expected_tokens(self._length_of(job)))

    async def close(self, job: Job, end: End, usage: Usage) -> Entry:
        """Charge what was answered or broken off; what failed costs nothing."""
        charged = isinstance(end, Done) or end.code == "chat.cancelled"
        tokens = usage.input_tokens + usage.output_tokens if charged else 0
        route, model = (end.route, end.model) if isinstance(end, Done) else (None, None)
        spent = Spent(job.request_id, tokens, route, model, self._clock.now())
        if isinstance(end, Done) and self._budget.enabled and job.kind not in WITHOUT_MODEL:
            end = end.model_copy(update={"budget": await self._week(job, tokens)})
        writes = self._budget.record(job.user_id, spent)
        return Entry(end, writes, lambda: self._budget.settle(job.user_id, spent))

    async def _week(self, job: Job, tokens: int) -> BudgetFrame | None:
        try:
            standing = await self._budget.standing(job.user_id, tier_of(job))
        except StoreUnavailable:
            return None  # the answer is worth more than its receipt
        return BudgetFrame(
            used=standing.used + tokens, limit=standing.total, resets_at=standing.resets_at
        )


class Aside:
    """Two who want to hear of every end: `remember` names a row to keep, `count` just counts."""

    def __init__(
        self, *, remember: Callable[[Job, End], Write], count: Callable[[End], None]
    ) -> None:
        self._remember = remember
        self._count = count

    def reopen(self, job: Job) -> None:
        """Nothing was begun that would have to be begun again."""

    async def close(self, job: Job, end: End, usage: Usage) -> Entry:
        """The row of this end; it is counted once it is kept."""
        return Entry(end, [self._remember(job, end)], lambda: self._count(end))


def tier_of(job: Job) -> Tier:
    """The tier of the person who asks."""
    return "admin" if job.by_admin else "free"
