"""
A name and a password, judged at the same cost and in the same words whoever they are.

Failures are counted for

    this name from this address   10 free    what a person's own typing errors cost
    this address                 100 free    one guess each at many names
    this name                    100 free    many addresses guess at one name (NIST SP 800-63B,
                                             5.2.2: at most 100 in a row)

A person who signs in from an address they signed in from before is held up only by the first, so a
stranger elsewhere cannot lock them out. Of IPv6 a /64 is one address (`throttle.place_of`).
"""

import structlog

from auth.audit import Audit, By
from auth.errors import TooBusy, WrongLogin, WrongPassword
from auth.passwords import Passwords
from auth.providers.proof import Proof
from auth.repository import Password, Repository, password_used
from auth.throttle import Throttle, Tries, place_of
from auth.users import User, canonical
from shared.clock import Clock

log = structlog.get_logger(__name__)
FREE_IN_ALL = 100


class PasswordLogin:
    """Judges passwords; every call may raise `StoreUnavailable`."""

    def __init__(
        self,
        repository: Repository,
        *,
        passwords: Passwords,
        throttle: Throttle,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._throttle = throttle
        self._audit = audit
        self._clock = clock

    async def prove(self, username: str, password: str, *, address: str) -> Proof:
        """
        The proof of who knows this name and this password.

        Raises `WrongLogin` alike and after the same work for an unknown name and a wrong password,
        `TooManyAttempts`, `TooBusy`.
        """
        kept = await self._judge(username, password, address=address)
        place, now = place_of(address), self._clock.now()
        still = password_used(username, kept, address=place, at=now)
        return Proof("password", kept.user_id, still)

    async def confirm(self, user: User, password: str, *, address: str) -> None:
        """
        Make sure that somebody signed in knows their password.

        Raises `WrongPassword`, `TooManyAttempts`, `TooBusy`.
        """
        try:
            await self._judge(user.username, password, address=address)
        except WrongLogin as wrong:
            raise WrongPassword from wrong

    async def _judge(self, username: str, password: str, *, address: str) -> Password:
        kept = await self._repository.password(username)
        place = place_of(address)
        own = Tries(("login", canonical(username), place))
        wide = () if kept and place in kept.used_from else _wide(username, place)
        self._throttle.attempt(own, *wide)
        try:
            right = await self._passwords.matches(password, kept.hash if kept else None)
        except TooBusy:
            self._throttle.undo(own, *wide)  # it was never judged
            raise
        if kept is None or not right:
            log.info("login.refused", address=address)
            about = kept.user_id if kept else None
            await self._audit.note_refusal("login.refused", By(None, address), about=about)
            raise WrongLogin
        self._throttle.forgive(own)
        self._throttle.undo(*wide)
        return kept


def _wide(username: str, place: str) -> tuple[Tries, ...]:
    return (
        Tries(("login from", place), FREE_IN_ALL),
        Tries(("login as", canonical(username)), FREE_IN_ALL),
    )
