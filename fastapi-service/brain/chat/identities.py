"""
Which account a Discord person belongs to.

A person from Discord is `discord:<snowflake>` until they link an account; the auth service knows.
"""

from dataclasses import dataclass

import structlog
from pydantic import BaseModel, ValidationError

from shared.clock import Clock
from shared.errors import BoundaryError
from shared.http import Peer

log = structlog.get_logger(__name__)
CACHE_SECONDS = 60.0
DOWN_SECONDS = 10.0
"""How long auth is not asked again after it did not answer: askers must not wait for it in turn."""

CACHE_SIZE = 10_000
PREFIX = "discord:"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, after links were followed."""

    user_id: str
    is_admin: bool = False


class _Identity(BaseModel):
    user_id: str
    role: str = "user"


class Identities:
    """Asks the auth service, and remembers the answer for at most a minute."""

    def __init__(self, auth: Peer, *, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._known: dict[str, tuple[float, Person]] = {}
        self._down_until = 0.0

    async def resolve(self, user_id: str) -> Person:
        """The account linked to a Discord person, or `user_id` itself when there is none."""
        snowflake = user_id.removeprefix(PREFIX)
        if snowflake == user_id or not _is_snowflake(snowflake):
            return Person(user_id)
        now = self._clock.monotonic()
        until, known = self._known.get(user_id, (0.0, Person(user_id)))
        if now < until or now < self._down_until:
            return known
        try:
            person = await self._ask(user_id, snowflake)
        except (BoundaryError, ValidationError) as failure:
            # Better an answer without the linked account than none while auth restarts.
            log.warning("identity.unresolved", error=type(failure).__name__)
            self._down_until = self._clock.monotonic() + DOWN_SECONDS
            return known
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[user_id] = (now + CACHE_SECONDS, person)
        return person

    async def _ask(self, user_id: str, snowflake: str) -> Person:
        try:
            answer = await self._auth.get(f"/identities/discord/{snowflake}")
        except BoundaryError as failure:
            if failure.status == 404:
                return Person(user_id)
            raise
        identity = _Identity.model_validate(answer)
        return Person(identity.user_id, is_admin=identity.role == "admin")


def with_prefix(user_id: str) -> str:
    """A bare snowflake as sent by a bot becomes `discord:<snowflake>`; anything else stays."""
    return PREFIX + user_id if _is_snowflake(user_id) else user_id


def _is_snowflake(text: str) -> bool:
    return text.isascii() and text.isdecimal()
