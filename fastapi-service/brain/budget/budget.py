"""
The budget of every person: set aside when a question is taken, settled when it ends.

    reserve ──▶ set aside ──┬─ writes (in the transaction of the end), settle ──▶ used
                            └─ release ─────────────────────────────────────────▶ nothing

What is set aside lives in memory only: a brain that starts sets aside anew for the open questions
it finds, so a crash returns the rest. What was used is in the store, one row a request; the sum of
a person's week is read once and then kept, as this object is the only one that adds to it.
"""

from collections import OrderedDict
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from brain.budget.errors import BudgetExceeded
from brain.budget.ledger import Page, Standing, Tier, Week, fits, week_of
from brain.budget.repository import Spent, UsageRepository
from shared.clock import Clock, iso
from shared.store import Write

REMEMBERED_PEOPLE = 2_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens a week by tier, and where Monday begins."""

    free: int
    admin: int
    timezone: str = "UTC"
    disabled: bool = False

    def of(self, tier: Tier) -> int:
        """The weekly limit of a tier."""
        return self.admin if tier == "admin" else self.free


class Budget:
    """One for a brain."""

    def __init__(self, usage: UsageRepository, limits: Limits, *, clock: Clock) -> None:
        self._usage = usage
        self._limits = limits
        self._clock = clock
        self._zone = ZoneInfo(limits.timezone)
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._reserved: dict[str, tuple[str, int]] = {}

    @property
    def enabled(self) -> bool:
        """Whether anybody is ever refused."""
        return not self._limits.disabled

    async def reserve(self, user_id: str, tier: Tier, request_id: str, tokens: int) -> bool:
        """
        Set `tokens` aside for a request; False when they are already.

        Raises `BudgetExceeded`, and `StoreUnavailable` when the person's week cannot be read.
        """
        if self.enabled and request_id not in self._reserved:
            page = await self._page(user_id)
            # No await from here: questions asked at the same time see each other.
            standing = self._standing(page, user_id, tier)
            if request_id not in self._reserved and not fits(tokens, standing):
                raise BudgetExceeded(
                    used=standing.used,
                    reserved=standing.reserved,
                    limit=standing.total,
                    resets_at=self._week().ends,
                )
        return self.hold(user_id, request_id, tokens)

    def hold(self, user_id: str, request_id: str, tokens: int) -> bool:
        """Set `tokens` aside for a request that was taken before; False when they are already."""
        if request_id in self._reserved:
            return False
        self._reserved[request_id] = (user_id, tokens)
        return True

    def release(self, request_id: str) -> None:
        """The request was not taken or cost nothing."""
        self._reserved.pop(request_id, None)

    def record(self, user_id: str, spent: Spent) -> list[Write]:
        """What has to be written with the end of a request; nothing when it cost nothing."""
        if spent.tokens <= 0:
            return []
        return [self._usage.record(user_id, week_of(spent.at, self._zone).name, spent)]

    def settle(self, user_id: str, spent: Spent) -> None:
        """The end of the request and what it cost are in the store."""
        self.release(spent.request_id)
        page = self._pages.get(user_id)
        if page is not None and page.week == week_of(spent.at, self._zone).name:
            page.count(spent.request_id, spent.tokens)

    async def standing(self, user_id: str, tier: Tier) -> Standing:
        """A person's week. Raises `StoreUnavailable` if it has to be read and cannot."""
        return self._standing(await self._page(user_id), user_id, tier)

    async def grant(self, user_id: str, bonus_tokens: int) -> None:
        """Let a person use that many tokens more this week. Raises `StoreUnavailable`."""
        week = self._week().name
        await self._usage.grant(user_id, week, bonus_tokens, now=self._clock.now())
        self.read_anew(user_id)  # it may be on its way from the store just now

    def read_anew(self, user_id: str) -> None:
        """Somebody else wrote what this person used or was granted."""
        self._pages.pop(user_id, None)

    def _standing(self, page: Page, user_id: str, tier: Tier) -> Standing:
        reserved = sum(tokens for owner, tokens in self._reserved.values() if owner == user_id)
        return Standing(
            used=page.used,
            reserved=reserved,
            limit=self._limits.of(tier),
            bonus=page.bonus,
            resets_at=iso(self._week().ends.timestamp()),
            tier=tier,
        )

    async def _page(self, user_id: str) -> Page:
        week = self._week().name
        page = self._pages.get(user_id)
        if page is None or page.week != week:
            page = self._pages[user_id] = Page(week)
            if len(self._pages) > REMEMBERED_PEOPLE:
                self._pages.popitem(last=False)
        self._pages.move_to_end(user_id)
        if not page.complete:
            # What is settled meanwhile is counted here already; a request is counted once.
            spent, bonus = await self._usage.read(user_id, week)
            for request_id, tokens in spent.items():
                page.count(request_id, tokens)
            page.bonus, page.complete = bonus, True
        return page

    def _week(self) -> Week:
        return week_of(self._clock.now(), self._zone)
