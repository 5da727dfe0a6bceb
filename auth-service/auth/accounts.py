"""What people do with their accounts: make one, sign in and out, change the password."""

from dataclasses import dataclass
from uuid import uuid4

import structlog

from auth.audit import CONSOLE, Audit, By
from auth.codes import Code, Codes
from auth.config import Registration
from auth.errors import (
    AccountDisabled,
    InvitationNeeded,
    RegistrationClosed,
    SignInEnded,
    UnknownUser,
    UsernameTaken,
    WrongLogin,
)
from auth.passwords import Passwords, check_password
from auth.providers import Proof
from auth.repository import Repository, signed_in
from auth.sessions import Session, Sessions
from auth.throttle import Allowance, Throttle, Tries, place_of
from auth.users import Role, User, check_display_name, check_email, check_username
from shared.clock import Clock
from shared.store import ConditionFailed, Delete
from shared.tokens import Claims

log = structlog.get_logger(__name__)
INVITATION_SECONDS = 7 * 24 * 3600.0
FREE_REGISTRATIONS = 100
"""Accounts asked for from one address before each further one costs a pause."""

SIGN_INS_AT_ONCE = 60
NEXT_SIGN_IN_SECONDS = 300.0
SIGN_INS_A_LIFETIME = 96
"""
Sign-ins of one account, the next after 300 s or, where they last shorter than 8 h, after a 96th of
that: each that ends early is told to every service until it would have expired.
"""


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
    """The rules about accounts; every call may raise `StoreUnavailable`. `by` is for the audit."""

    def __init__(
        self,
        repository: Repository,
        *,
        passwords: Passwords,
        sessions: Sessions,
        codes: Codes,
        throttle: Throttle,
        registration: Registration,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._sessions = sessions
        self._codes = codes
        self._throttle = throttle
        self._sign_ins = Allowance(
            at_once=SIGN_INS_AT_ONCE,
            every_seconds=min(NEXT_SIGN_IN_SECONDS, sessions.seconds / SIGN_INS_A_LIFETIME),
            clock=clock,
        )
        self._registration = registration
        self._audit = audit
        self._clock = clock

    @property
    def registration(self) -> Registration:
        """Who may make an account themselves."""
        return self._registration

    async def register(self, wanted: NewAccount, *, by: By) -> User:
        """
        Make an account for whoever asks, as far as REGISTRATION lets them.

        Raises what `create` raises, `RegistrationClosed`, `TooManyAttempts` per address.
        """
        self._throttle.attempt(Tries(("register", place_of(by.address or "")), FREE_REGISTRATIONS))
        invitation = await self._admit(wanted.invite)
        return await self.create(wanted, role="user", invitation=invitation, by=by)

    async def create(
        self,
        wanted: NewAccount,
        *,
        role: Role,
        invitation: Delete | None = None,
        by: By = CONSOLE,
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
        await self._audit.note("account.created", by, about=user.user_id, detail=role)
        return user

    async def sign_in(self, proof: Proof, *, address: str | None) -> tuple[User, Session]:
        """
        A new sign-in for whoever brings this proof.

        Raises `AccountDisabled`, `TooManyAttempts` per account, and `WrongLogin` when the account
        changed under the proof.
        """
        user = await self._repository.user(proof.user_id)
        if user is None:
            raise WrongLogin
        by = By(user.user_id, address)
        if user.disabled:
            await self._audit.note_refusal("login.refused", by, about=user.user_id)
            raise AccountDisabled
        self._sign_ins.take(user.user_id)
        try:
            noted = signed_in(user, at=self._clock.now())
            session = await self._sessions.begin(user, proof.still, noted)
        except ConditionFailed as changed:
            raise WrongLogin from changed
        log.info("login.succeeded", user_id=user.user_id)
        await self._audit.note("login.succeeded", by, about=user.user_id, detail=proof.provider)
        return user, session

    async def who(self, token: str) -> SignedIn:
        """Who uses this token, as they are now. Raises `AuthRequired`."""
        claims = await self._sessions.check(token)
        user = await self._repository.user(claims.user_id)
        if user is None or user.disabled:
            raise SignInEnded
        return SignedIn(user, claims)

    async def sign_out(self, caller: SignedIn, *, by: By) -> None:
        """End the caller's sign-in."""
        await self._sessions.end(caller.claims)
        await self._audit.note("login.ended", by, about=caller.user.user_id)

    async def refresh(self, caller: SignedIn) -> Session:
        """A fresh sign-in for the caller's, which ends. Raises `TooManyAttempts` per account."""
        self._sign_ins.take(caller.user.user_id)
        return await self._sessions.replace(caller.claims, caller.user)

    async def change_password(self, caller: SignedIn, new: str, *, by: By) -> Session:
        """
        Replace the password, end all sign-ins and begin a new one for the caller.

        The old password was proved before. Raises `Unfit`, `TooBusy`, `SignInEnded`,
        `TooManyAttempts` per account.
        """
        check_password(new, username=caller.user.username, field="new")
        self._sign_ins.take(caller.user.user_id)
        await self.set_password(caller.user, new, by=by)
        try:
            return await self._sessions.begin(
                caller.user, signed_in(caller.user, at=self._clock.now())
            )
        except ConditionFailed as changed:
            raise SignInEnded from changed

    async def set_password(self, user: User, new: str, *, by: By = CONSOLE) -> None:
        """Replace the password of an account and end all its sign-ins. Raises `Unfit`."""
        check_password(new, username=user.username)
        hashed = await self._passwords.hash(new)
        await self._repository.set_password(user, hashed, self._sessions.to_end(user.user_id))
        await self._sessions.end_marked(user.user_id)
        log.info("password.changed", user_id=user.user_id)
        await self._audit.note("password.changed", by, about=user.user_id)

    async def find(self, username: str) -> User | None:
        """The account with this username."""
        kept = await self._repository.password(username)
        return await self._repository.user(kept.user_id) if kept else None

    async def promote(
        self, user: User, *, display_name: str | None, email: str | None, by: By = CONSOLE
    ) -> None:
        """
        Make somebody an admin who can sign in, with another name or address if given.

        Old sign-ins end. Raises `ChangedMeanwhile`, `UnknownUser`, `Unfit`.
        """
        await self._change(
            user,
            by,
            role="admin",
            disabled=False,
            display_name=check_display_name(display_name, otherwise=user.display_name),
            email=check_email(email) or user.email,
        )

    async def set_rights(
        self, user_id: str, *, role: Role | None, disabled: bool | None, by: By = CONSOLE
    ) -> User:
        """
        Change what somebody may do; None leaves it. Their sign-ins end when anything changes.

        Raises `UnknownUser`, `ChangedMeanwhile`, `LastAdmin`.
        """
        user = await self._repository.user(user_id)
        if user is None:
            raise UnknownUser
        wanted = {
            "role": user.role if role is None else role,
            "disabled": user.disabled if disabled is None else disabled,
        }
        if wanted == {"role": user.role, "disabled": user.disabled}:
            await self._sessions.end_marked(user_id)  # it was changed, and then broke off
            return user
        return await self._change(user, by, **wanted)

    async def invite(self, *, by: By) -> Code:
        """A leave to register for one person, for a week."""
        code = await self._codes.make("invite", {}, lives_seconds=INVITATION_SECONDS)
        await self._audit.note("invitation.made", by, about=None)
        return code

    async def _change(self, user: User, by: By, **attributes: object) -> User:
        ending = self._sessions.to_end(user.user_id)
        changed = await self._repository.change(user, ending, **attributes)
        await self._sessions.end_marked(user.user_id)
        now = f"{changed.role}, {'disabled' if changed.disabled else 'enabled'}"
        log.info("account.changed", user_id=user.user_id, role=changed.role)
        await self._audit.note("account.changed", by, about=user.user_id, detail=now)
        return changed

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
