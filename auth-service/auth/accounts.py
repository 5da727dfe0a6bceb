"""What people do with their accounts: make one, sign in and out, change the password."""

from dataclasses import dataclass
from uuid import uuid4

import structlog

from auth.codes import Code, Codes
from auth.config import Registration
from auth.errors import (
    AccountDisabled,
    InvitationNeeded,
    RegistrationClosed,
    SignInEnded,
    TooBusy,
    UnknownUser,
    UsernameTaken,
    WrongLogin,
)
from auth.passwords import Passwords, check_password
from auth.repository import Password, Repository, still
from auth.sessions import Session, Sessions
from auth.throttle import Throttle
from auth.users import Role, User, canonical, check_display_name, check_email, check_username
from shared.clock import Clock
from shared.store import ConditionFailed, Delete
from shared.tokens import Claims

log = structlog.get_logger(__name__)
INVITATION_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What somebody says who wants an account."""

    username: str
    password: str
    display_name: str | None = None
    email: str | None = None
    invite: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A caller whose token was checked: who they are now, and the sign-in they use."""

    user: User
    claims: Claims


class Accounts:
    """The rules about accounts; every call may raise `StoreUnavailable`."""

    def __init__(
        self,
        repository: Repository,
        *,
        passwords: Passwords,
        sessions: Sessions,
        codes: Codes,
        throttle: Throttle,
        registration: Registration,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._sessions = sessions
        self._codes = codes
        self._throttle = throttle
        self._registration = registration
        self._clock = clock

    async def register(self, wanted: NewAccount) -> User:
        """Make an account for whoever asks, as far as REGISTRATION lets them."""
        return await self.create(wanted, role="user", invitation=await self._admit(wanted.invite))

    async def create(
        self, wanted: NewAccount, *, role: Role, invitation: Delete | None = None
    ) -> User:
        """Make an account. Raises `Unfit`, `UsernameTaken`, `TooBusy`, `InvitationNeeded`."""
        username = check_username(wanted.username)
        user = User(
            user_id=uuid4().hex,
            username=username,
            display_name=check_display_name(wanted.display_name, otherwise=username),
            email=check_email(wanted.email),
            role=role,
            disabled=False,
            created_at=self._clock.now(),
        )
        check_password(wanted.password, username=username)
        if await self._repository.password(username) is not None:
            raise UsernameTaken(username)  # before the costly part; the write below decides
        password_hash = await self._passwords.hash(wanted.password)
        await self._repository.create(user, password_hash, invitation)
        log.info("account.created", user_id=user.user_id, role=role)
        return user

    async def sign_in(self, username: str, password: str, *, address: str) -> tuple[User, Session]:
        """
        A new sign-in for the right username and password.

        Raises `WrongLogin` alike and after the same work for an unknown name and a wrong password,
        `TooManyAttempts` per name and address, `AccountDisabled`, `TooBusy`.
        """
        kept = await self._prove(username, password, address=address)
        user = await self._repository.user(kept.user_id)
        if user is None:
            raise WrongLogin
        if user.disabled:
            raise AccountDisabled
        try:
            noted = still(username, kept, used_at=self._clock.now())
            session = await self._sessions.begin(user, noted)
        except ConditionFailed as changed:
            raise WrongLogin from changed
        log.info("login.succeeded", user_id=user.user_id)
        return user, session

    async def who(self, token: str) -> SignedIn:
        """Who uses this token, as they are now. Raises `AuthRequired`."""
        claims = await self._sessions.check(token)
        user = await self._repository.user(claims.user_id)
        if user is None or user.disabled:
            raise SignInEnded
        return SignedIn(user, claims)

    async def sign_out(self, caller: SignedIn) -> None:
        """End the caller's sign-in."""
        await self._sessions.end(caller.claims, caller.user)

    async def refresh(self, caller: SignedIn) -> Session:
        """A fresh sign-in for the caller's, which ends."""
        return await self._sessions.replace(caller.claims, caller.user)

    async def change_password(
        self, caller: SignedIn, *, old: str, new: str, address: str
    ) -> Session:
        """Replace the password, end all sign-ins and begin a new one for the caller."""
        user = caller.user
        check_password(new, username=user.username, field="new")
        await self._prove(user.username, old, address=address)
        await self.set_password(user, new)
        return await self._sessions.begin(user)

    async def set_password(self, user: User, new: str) -> None:
        """Replace the password of an account and end all its sign-ins. Raises `Unfit`."""
        check_password(new, username=user.username)
        await self._repository.set_password(user, await self._passwords.hash(new))
        await self._sessions.end_all(user)
        log.info("password.changed", user_id=user.user_id)

    async def find(self, username: str) -> User | None:
        """The account with this username."""
        kept = await self._repository.password(username)
        return await self._repository.user(kept.user_id) if kept else None

    async def promote(self, user: User, *, display_name: str | None, email: str | None) -> None:
        """Make somebody an admin, with another name or address if given; old sign-ins end."""
        await self._repository.change(
            user,
            role="admin",
            display_name=check_display_name(display_name, otherwise=user.display_name),
            email=check_email(email) or user.email,
        )
        await self._sessions.end_all(user)
        log.info("account.promoted", user_id=user.user_id)

    async def set_disabled(self, user_id: str, disabled: bool) -> User:
        """Shut somebody out, or let them in again. Raises `UnknownUser`."""
        user = await self._repository.user(user_id)
        if user is None:
            raise UnknownUser
        await self._repository.change(user, disabled=disabled)
        if disabled:
            await self._sessions.end_all(user)
        log.info("account.disabled_set", user_id=user_id, disabled=disabled)
        return user

    async def invite(self) -> Code:
        """A leave to register for one person, for a week."""
        return await self._codes.make("invite", {}, lives_seconds=INVITATION_SECONDS)

    async def _prove(self, username: str, password: str, *, address: str) -> Password:
        """
        The kept password of this username, if it is the one given.

        Raises `WrongLogin`, `TooManyAttempts`, `TooBusy`.
        """
        kept = await self._repository.password(username)
        attempt = ("login", canonical(username), address)
        self._throttle.attempt(*attempt)
        try:
            right = await self._passwords.matches(password, kept.hash if kept else None)
        except TooBusy:
            self._throttle.forgive(*attempt)  # it was never judged
            raise
        if kept is None or not right:
            log.info("login.refused", address=address)
            raise WrongLogin
        self._throttle.forgive(*attempt)
        return kept

    async def _admit(self, invite: str | None) -> Delete | None:
        """The write that spends the invitation, if one is needed."""
        match self._registration:
            case "open":
                return None
            case "closed":
                raise RegistrationClosed
            case "invite":
                if invite is None or await self._codes.look("invite", invite) is None:
                    raise InvitationNeeded
                return self._codes.spend("invite", invite)
