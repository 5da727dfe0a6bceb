"""
What people thought of answers: good or bad, with the route and the model that gave them.

table users   pk <user id>   sk feedback#<request id>

One row a person and answer, so that a vote can be changed and taken back; kept for a year, and
forgotten with the person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from shared.clock import Clock
from shared.store import MAX_WRITES, ConditionFailed, Delete, Key, Matches, Put, Store

TABLE = "users"
PREFIX = "feedback#"
KEEP_SECONDS = 365 * 24 * 3600.0
Verdict = Literal["good", "bad"]
Count = Callable[[Verdict, str | None, str | None], None]


@dataclass(frozen=True, slots=True)
class Rated:
    """The answer that is voted on."""

    request_id: str
    route: str | None
    model: str | None


class Feedback:
    """
    The votes of everybody; each call may raise `StoreUnavailable`.

    `count` is told verdict, route and model of every vote that is new or changed.
    """

    def __init__(self, store: Store, *, count: Count, clock: Clock) -> None:
        self._store = store
        self._count = count
        self._clock = clock

    async def give(
        self, user_id: str, rated: Rated, verdict: Verdict, comment: str | None = None
    ) -> None:
        """Keep this vote; it replaces the one this person gave before."""
        before = await self._store.get(_key(user_id, rated.request_id))
        now = self._clock.now()
        row = {
            "verdict": verdict,
            "route": rated.route,
            "model": rated.model,
            "comment": comment,
            "at": now,
        }
        key = _key(user_id, rated.request_id)
        await self._store.write(Put(key, row, expires_at=now + KEEP_SECONDS))
        if before is None or before["verdict"] != verdict:
            self._count(verdict, rated.route, rated.model)

    async def take_back(self, user_id: str, request_id: str, verdict: Verdict) -> bool:
        """
        Forget a vote if it (still) is `verdict`; whether there was one.

        Whoever changes 👍 into 👎 takes the first thumb away after giving the second.
        """
        key = _key(user_id, request_id)
        try:
            await self._store.write(Delete(key, when=Matches({"verdict": verdict})))
        except ConditionFailed:
            return False
        return True

    async def forget(self, user_id: str) -> int:
        """Remove every vote of a person; how many there were."""
        rows = await self._store.query(TABLE, user_id, prefix=PREFIX)
        for start in range(0, len(rows), MAX_WRITES):
            batch = rows[start : start + MAX_WRITES]
            await self._store.write(*(Delete(Key(TABLE, user_id, row.sk)) for row in batch))
        return len(rows)


def _key(user_id: str, request_id: str) -> Key:
    return Key(TABLE, user_id, f"{PREFIX}{request_id}")
