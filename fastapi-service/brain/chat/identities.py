"""
Which account a Discord person belongs to.

A person from Discord is `discord:<snowflake>` until they link an account; the auth service knows.
"""

from dataclasses import dataclass, replace
from math import inf

import structlog
from pydantic import BaseModel, ValidationError

from brain.people.linking import Linking
from shared.clock import Clock
from shared.errors import BoundaryError
from shared.http import Peer, Refused

log = structlog.get_logger(__name__)
CACHE_SECONDS = 60.0
DOWN_SECONDS = 10.0
"""How often at most an account is asked for its identities because somebody looks."""

"""How long auth is not asked again after it did not answer: askers must not wait for it in turn."""

CACHE_SIZE = 10_000
OWN_SECONDS = 10.0
PREFIX = "discord:"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, after links were followed; a disabled person is no admin."""

    user_id: str
    is_admin: bool = False
    is_disabled: bool = False


class _Identity(BaseModel):
    user_id: str
    role: str = "user"
    disabled: bool = False


class _Method(BaseModel):
    provider: str
    identity: str


class Identities:
    """Asks the auth service, and remembers the answer for at most a minute."""

    def __init__(self, auth: Peer, *, linking: Linking, clock: Clock) -> None:
        self._auth = auth
        self._linking = linking
        self._clock = clock
        self._known: dict[str, tuple[float, Person]] = {}
        self._moved: dict[str, str] = {}
        """Identity → the account that has what it had before."""
        self._own_at: dict[str, float] = {}
        """Account → when it was last asked for its identities."""
        self._down_until = 0.0

    async def resolve(self, user_id: str) -> Person:
        """
        The account linked to a Discord person, or `user_id` itself when there is none.

        While auth is away the last answer holds, but nobody is an admin by one older than a minute.
        """
        snowflake = user_id.removeprefix(PREFIX)
        if snowflake == user_id or not _is_snowflake(snowflake):
            return Person(user_id)
        now = self._clock.monotonic()
        until, known = self._known.get(user_id, (0.0, Person(user_id)))
        if now < until:
            return known
        known = replace(known, is_admin=False)
        if now < self._down_until:
            return known
        try:
            person = await self._ask(user_id, snowflake)
        except (BoundaryError, ValidationError) as failure:
            # Better an answer without the linked account than none while auth restarts.
            log.warning("identity.unresolved", error=type(failure).__name__)
            self._down_until = self._clock.monotonic() + DOWN_SECONDS
            if known.user_id == user_id:
                self._moved.pop(user_id, None)  # what is asked meanwhile is to follow
            return known
        self._remember(user_id, person)
        await self._follow(user_id, person)
        return person

    async def look_up_own(
        self, person: Person, bearer: str, *, at_most_every: float = OWN_SECONDS
    ) -> None:
        """
        Learn which identities are linked to the account of `person`, who signed in with `bearer`,
        and let what they had become the account's. Best effort.
        """
        now = self._clock.monotonic()
        asked_at = self._own_at.get(person.user_id, -inf)
        if now < self._down_until or now < asked_at + at_most_every:
            return
        if len(self._own_at) >= CACHE_SIZE:
            self._own_at.clear()
        self._own_at[person.user_id] = now
        try:
            answer = await self._auth.get(
                "/auth-methods", headers={"Authorization": f"Bearer {bearer}"}
            )
            methods = [_Method.model_validate(one) for one in answer]
        except (BoundaryError, ValidationError, TypeError) as failure:
            log.warning("identity.not_listed", error=type(failure).__name__)
            if not isinstance(failure, Refused):
                self._down_until = self._clock.monotonic() + DOWN_SECONDS
            return
        for method in methods:
            if method.provider == "discord" and _is_snowflake(method.identity):
                self._remember(PREFIX + method.identity, person)
                await self._follow(PREFIX + method.identity, person)

    def _remember(self, user_id: str, person: Person) -> None:
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[user_id] = (self._clock.monotonic() + CACHE_SECONDS, person)

    async def _follow(self, user_id: str, person: Person) -> None:
        """Once per link: what `user_id` had until now goes to the account."""
        if person.user_id == user_id:
            self._moved.pop(user_id, None)
        elif self._moved.get(user_id) != person.user_id:
            if len(self._moved) >= CACHE_SIZE:
                self._moved.clear()
            self._moved[user_id] = person.user_id
            await self._linking.move(user_id, person.user_id)

    async def _ask(self, user_id: str, snowflake: str) -> Person:
        try:
            answer = await self._auth.get(f"/identities/discord/{snowflake}")
        except BoundaryError as failure:
            if failure.status == 404:
                return Person(user_id)
            raise
        identity = _Identity.model_validate(answer)
        return Person(
            identity.user_id,
            is_admin=identity.role == "admin" and not identity.disabled,
            is_disabled=identity.disabled,
        )


def with_prefix(user_id: str) -> str:
    """A bare snowflake as sent by a bot becomes `discord:<snowflake>`; anything else stays."""
    return PREFIX + user_id if _is_snowflake(user_id) else user_id


def _is_snowflake(text: str) -> bool:
    return text.isascii() and text.isdecimal()
