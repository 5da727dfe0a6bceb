"""
An account goes, and the person is forgotten everywhere.

    shut out for good ─▶ sign-ins end ─▶ keys, identities, the account ─▶ the brain forgets
         │                                                                  │ again, 90 s after
         └── row `leaving` ─────────────────────────────────────────────────┘ the account went

The row stands until all is done, and what a crash or a brain that is away interrupted is finished
later. The brain is asked a second time because for a while it could still take a message for this
person: it hears of ended sign-ins within ten seconds and remembers links for sixty. What the audit
tells about them goes then, too: there may be much of it, and nobody should wait for that.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import structlog

from auth.audit import Audit, By
from auth.keys import Keys
from auth.repository import Removal, Repository
from auth.sessions import Sessions
from auth.users import User
from shared.background import keep_running
from shared.clock import Clock
from shared.errors import BoundaryError
from shared.http import Peer

log = structlog.get_logger(__name__)
LOOK_EVERY_SECONDS = 15.0
SETTLED_AFTER_SECONDS = 90.0

Forget = Callable[[str], Awaitable[None]]
"""Makes another service forget a person; raises `BoundaryError` when it did not."""


def forgetting_by(brain: Peer) -> Forget:
    """The brain's "forget me" (`DELETE /api/user/{user_id}`), asked with the service token."""

    async def forget(user_id: str) -> None:
        await brain.delete(f"/api/user/{quote(user_id, safe='')}")

    return forget


class Leaving:
    """Removes accounts, and sees it through."""

    def __init__(
        self,
        repository: Repository,
        *,
        sessions: Sessions,
        keys: Keys,
        audit: Audit,
        forget: Forget,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._sessions = sessions
        self._keys = keys
        self._audit = audit
        self._forget = forget
        self._clock = clock

    async def remove(self, user: User, *, by: By) -> bool:
        """
        Remove an account with all that belongs to it; True when the brain has forgotten it, too.

        False: it will be as soon as the brain answers. Raises `LastAdmin`, `ChangedMeanwhile`,
        `UnknownUser`.
        """
        await self._repository.shut_out_for_good(user, now=self._clock.now())
        await self._clear(user.user_id)
        await self._audit.note("account.deleted", _nameless(by, user), about=user.user_id)
        log.info("account.deleted", user_id=user.user_id)
        try:
            for removal in await self._repository.leaving():
                if removal.user_id == user.user_id:
                    await self._forget_all(removal)
        except BoundaryError as failure:
            log.warning("account.not_forgotten_yet", error=str(failure))
            return False
        return True

    async def run(self) -> None:
        """Finish removals, for ever."""
        await keep_running(
            "leaving", self.finish, every_seconds=LOOK_EVERY_SECONDS, clock=self._clock
        )

    async def finish(self) -> None:
        """Do what is left of every removal. Raises `BoundaryError` when the brain is away."""
        for removal in await self._repository.leaving():
            user_id = removal.user_id
            if await self._repository.user(user_id) is not None:
                await self._clear(user_id)
            if self._clock.now() - removal.since >= SETTLED_AFTER_SECONDS:
                await self._audit.forget(user_id)  # a storm of guesses may have filled it
                await self._forget_all(removal)
                await self._repository.left(user_id)

    async def _forget_all(self, removal: Removal) -> None:
        """Also what was asked in Discord by a link that the brain has not heard of yet."""
        await self._forget(removal.user_id)
        for identity in removal.linked:
            await self._forget(f"discord:{identity}")

    async def _clear(self, user_id: str) -> None:
        await self._sessions.end_all(user_id)
        await self._keys.revoke_all(user_id)
        await self._repository.remove(user_id)


def _nameless(by: By, user: User) -> By:
    """The last line about a person does not say where they are."""
    return By(by.who, None) if by.who == user.user_id else by
