"""
Who did what to which account, when and from where: kept for ninety days, for operators.

    auth_audit    events          / <ms since 1970>-<number>-<random>     one event
                  about:<user_id> / the same                              where to find it again

Nothing here is a secret, and no name that somebody typed: people type passwords into the wrong
field.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import uuid4

import structlog

from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.store import MAX_WRITES, Delete, Key, Put, Store

log = structlog.get_logger(__name__)
TABLE = "auth_audit"
EVENTS = "events"
KEPT_SECONDS = 90 * 24 * 3600.0
FORGOTTEN_AT_ONCE = MAX_WRITES // 2
"""Events removed in one transaction: two rows each."""

REFUSALS_A_MINUTE = 60
"""Refused sign-ins written down; of more, in a storm of guesses, only the number is told."""

What = Literal[
    "account.created", "account.changed", "account.deleted",
    "login.succeeded", "login.refused", "login.ended",
    "password.changed",
    "identity.linked", "identity.unlinked",
    "key.created", "key.revoked", "invitation.made",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: the id of a person, `service`, `console`, or None when nobody knows; from where."""

    who: str | None
    address: str | None


CONSOLE = By("console", None)
"""Somebody at this machine's command line."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the book. `at` is in seconds since 1970; `about` is an account's id."""

    at: float
    what: What
    who: str | None
    about: str | None
    address: str | None
    detail: str = ""


class Audit:
    """Writes and reads the book."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._number = 0
        self._minute = -1
        self._refusals = 0

    async def note(self, what: What, by: By, *, about: str | None, detail: str = "") -> None:
        """Write an event down. What it tells has happened, so a store in trouble is only logged."""
        event = Event(self._clock.now(), what, by.who, about, by.address, detail)
        self._number = (self._number + 1) % 1_000_000
        order = f"{round(event.at * 1000):015d}-{self._number:06d}-{uuid4().hex[:8]}"
        until = event.at + KEPT_SECONDS
        writes = [Put(Key(TABLE, EVENTS, order), asdict(event), expires_at=until)]
        if about is not None and what != "account.deleted":  # which stays, and names nobody
            writes.append(Put(_about(about, order), {}, expires_at=until))
        try:
            await self._store.write(*writes)
        except StoreUnavailable as down:
            log.warning("audit.lost", what=what, reason=down.reason)

    async def note_refusal(self, what: What, by: By, *, about: str | None) -> None:
        """The same for a guess, of which a stranger can make as many as they like."""
        minute = int(self._clock.now() // 60)
        left_out = max(0, self._refusals - REFUSALS_A_MINUTE)
        if minute != self._minute:
            self._minute, self._refusals = minute, 0
        self._refusals += 1
        if self._refusals == 1 and left_out:
            await self.note(what, By(None, None), about=None, detail=f"and {left_out} more")
        if self._refusals <= REFUSALS_A_MINUTE:
            await self.note(what, by, about=about)

    async def page(self, *, limit: int, after: str | None) -> tuple[Sequence[Event], str | None]:
        """The newest events, or those before `after`; and what to ask for next, None at the end."""
        rows = await self._store.query(
            TABLE, EVENTS, limit=limit + 1, after=after, newest_first=True
        )
        shown = rows[:limit]
        following = shown[-1].sk if len(rows) > limit else None
        return [Event(**row.item) for row in shown], following

    async def forget(self, user_id: str) -> None:
        """Remove what is about an account that is no more; the ids of others' acts stay."""
        partition = _about(user_id, "").pk
        while rows := await self._store.query(TABLE, partition, limit=FORGOTTEN_AT_ONCE):
            both = [(Key(TABLE, EVENTS, row.sk), _about(user_id, row.sk)) for row in rows]
            await self._store.write(*(Delete(key) for keys in both for key in keys))


def _about(user_id: str, order: str) -> Key:
    return Key(TABLE, f"about:{user_id}", order)
