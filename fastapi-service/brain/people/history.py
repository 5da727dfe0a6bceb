"""
What each person asked: when, and who answered at what cost; never the words.

table users   pk <user id>   sk asked#<order>

The row is written together with the end of the request. It also says where everything else that
belongs to the request is kept, which is how the brain finds it again when a person is forgotten.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brain.jobs.job import Job
from shared.errors import InvalidRequest
from shared.protocol import Done, End
from shared.store import Key, Put, Store, Write

TABLE = "users"
PREFIX = "asked#"
KEEP_SECONDS = 90 * 24 * 3600.0
_CURSOR = re.compile(r"\d{20}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One finished request. `end` is "done" or the failure code, `at` seconds since 1970."""

    order: int
    request_id: str
    ask_id: str
    principal: str
    client_id: str
    kind: str
    conversation: str
    by_admin: bool
    at: float
    end: str
    route: str | None
    model: str | None
    input_tokens: int
    output_tokens: int


class History:
    """The finished requests of every person, kept for ninety days."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def remember(self, job: Job, end: End) -> Write:
        """The write that adds `job` and its `end`; the same however often it is made."""
        asked: dict[str, Any] = {
            "request_id": job.request_id,
            "ask_id": job.ask_id,
            "principal": job.principal,
            "client_id": job.client_id,
            "kind": job.kind,
            "conversation": job.conversation,
            "by_admin": job.by_admin,
            "at": job.asked_at,
        }
        match end:
            case Done():
                asked |= {
                    "end": "done",
                    "route": end.route,
                    "model": end.model,
                    "input_tokens": end.usage.input_tokens,
                    "output_tokens": end.usage.output_tokens,
                }
            case failed:
                asked |= {"end": failed.code}
        key = row_of(job.user_id, job.order)
        return Put(key, asked, expires_at=job.asked_at + KEEP_SECONDS)

    async def page(
        self, user_id: str, *, limit: int, after: str | None = None
    ) -> tuple[Sequence[Asked], str | None]:
        """The newest requests (or those older than the page `after`) and where the next begins."""
        if after is not None and not _CURSOR.fullmatch(after):
            raise InvalidRequest("Please correct `after`: take it from `next` of the page before.")
        rows = await self._store.query(
            TABLE,
            user_id,
            prefix=PREFIX,
            after=None if after is None else PREFIX + after,
            limit=limit + 1,
            newest_first=True,
        )
        shown = rows[:limit]
        following = shown[-1].sk.removeprefix(PREFIX) if len(rows) > limit else None
        return [_asked(row.sk, row.item) for row in shown], following


def row_of(user_id: str, order: int) -> Key:
    """Where the request with that place in the queue is kept."""
    return Key(TABLE, user_id, f"{PREFIX}{order:020d}")


def _asked(sk: str, item: Mapping[str, Any]) -> Asked:
    return Asked(
        order=int(sk.removeprefix(PREFIX)),
        request_id=item["request_id"],
        ask_id=item["ask_id"],
        principal=item["principal"],
        client_id=item["client_id"],
        kind=item["kind"],
        conversation=item["conversation"],
        by_admin=item["by_admin"],
        at=item["at"],
        end=item["end"],
        route=item.get("route"),
        model=item.get("model"),
        input_tokens=item.get("input_tokens", 0),
        output_tokens=item.get("output_tokens", 0),
    )
