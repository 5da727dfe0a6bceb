"""
The rows of the `users` table that say what people used.

pk          sk                           what
<user id>   usage#<week>#<request id>    tokens of a finished request, route, model, when
<user id>   usage#<week>#moved           tokens that were moved to an account and count here, too
<user id>   bonus#<week>                 tokens an operator gave on top of that week's limit

A request has one row, written in the same transaction as its end; writing it again changes nothing.
"""

from dataclasses import dataclass

from shared.store import Change, Key, Put, Store, Write

TABLE = "users"
USAGE = "usage#"
MOVED = "#moved"
BONUS = "bonus#"
KEEP_SECONDS = 35 * 24 * 3600.0
"""Five weeks: the present one and the four before it."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one request cost, by which model, at which moment (seconds since 1970)."""

    request_id: str
    tokens: int
    route: str | None
    model: str | None
    at: float


class UsageRepository:
    """Reads and writes what people used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, user_id: str, week: str) -> tuple[dict[str, int], int]:
        """Tokens by request of one week, and the bonus of it. Raises `StoreUnavailable`."""
        prefix = f"usage#{week}#"
        rows = await self._store.query(TABLE, user_id, prefix=prefix)
        spent = {row.sk.removeprefix(prefix): int(row.item["tokens"]) for row in rows}
        bonus = await self._store.get(_bonus(user_id, week))
        return spent, 0 if bonus is None else int(bonus["tokens"])

    def record(self, user_id: str, week: str, spent: Spent) -> Write:
        """The write that keeps what a request cost."""
        return Put(
            Key(TABLE, user_id, f"usage#{week}#{spent.request_id}"),
            {
                "tokens": spent.tokens,
                "route": spent.route,
                "model": spent.model,
                "at": spent.at,
            },
            expires_at=spent.at + KEEP_SECONDS,
        )

    async def grant(self, user_id: str, week: str, tokens: int, *, now: float) -> None:
        """Add to the bonus of a week. Raises `StoreUnavailable`."""
        await self._store.write(
            Change(_bonus(user_id, week), add={"tokens": tokens}, expires_at=now + KEEP_SECONDS)
        )


def _bonus(user_id: str, week: str) -> Key:
    return Key(TABLE, user_id, f"{BONUS}{week}")
