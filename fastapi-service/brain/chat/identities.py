"""
Which account a Discord person belongs to.

A person from Discord is `discord:<snowflake>` until they link an account; the auth service knows.
"""

import structlog

from shared.clock import Clock
from shared.errors import BoundaryError, Forbidden
from shared.http import Peer

log = structlog.get_logger(__name__)
CACHE_SECONDS = 60.0
CACHE_SIZE = 10_000
PREFIX = "discord:"


class AccountDisabled(Forbidden):
    """An operator has disabled the account of the person who asks."""

    def __init__(self) -> None:
        super().__init__("Your account is disabled; please talk to the operator.")


class Identities:
    """Asks the auth service, and remembers the answer for at most a minute."""

    def __init__(self, auth: Peer, *, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._known: dict[str, tuple[float, str]] = {}

    async def resolve(self, user_id: str) -> str:
        """
        The account linked to a Discord person, or `user_id` itself when there is none.

        Raises `AccountDisabled`.
        """
        if not user_id.startswith(PREFIX):
            return user_id
        now = self._clock.monotonic()
        until, known = self._known.get(user_id, (0.0, user_id))
        if now < until:
            return known
        try:
            answer = await self._auth.get(f"/identities/discord/{user_id.removeprefix(PREFIX)}")
            if answer["disabled"]:
                raise AccountDisabled
            resolved = str(answer["user_id"])
        except AccountDisabled:
            raise
        except BoundaryError as failure:
            if failure.status != 404:
                # Better an answer without the linked account than none while auth restarts.
                log.warning("identity.unresolved", code=failure.code)
                return known
            resolved = user_id
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[user_id] = (now + CACHE_SECONDS, resolved)
        return resolved


def with_prefix(user_id: str) -> str:
    """A bare snowflake as sent by a bot becomes `discord:<snowflake>`; anything else stays."""
    return PREFIX + user_id if user_id.isdecimal() else user_id
