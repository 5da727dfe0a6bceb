"""
Which account an identity elsewhere belongs to, linked by a one-time code in either direction.

    here ──▶ POST /link/code ──▶ person types /link CODE there ──▶ bot: POST /link/maker
                                 person says that it is theirs ──▶ bot: POST /link/redeem
    there ─▶ bot: POST /link/proof ──▶ person types CODE here ───▶ POST /link/identity
                                 person says that it is theirs ──▶ POST /link-auth-method

The code carries one half and whoever redeems it proves the other. That both are one person's
nothing proves: somebody may be talked into typing a stranger's code. So the bot names the account,
the page names the identity, and both ask first.
"""

import re
from dataclasses import dataclass
from typing import Literal

import structlog

from auth.audit import Audit, By
from auth.codes import Code, Codes
from auth.errors import CodeInvalid, LinkedElsewhere, NotALink, NotLinked, Unfit
from auth.repository import Repository
from auth.throttle import Throttle, Tries
from auth.users import AuthMethod, User, check_display_name
from shared.clock import Clock
from shared.store import Delete, Item

log = structlog.get_logger(__name__)
CODE_SECONDS = 600.0
"""Protocol section 5: ten minutes."""

SNOWFLAKE = re.compile(r"[0-9]{1,20}", re.ASCII)
"""Discord's ids: 64 bits in decimal."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as another provider knows them, vouched for by whoever holds the service token."""

    provider: str
    provider_user_id: str
    display_name: str | None = None


class Links:
    """The rules about links; every call may raise `StoreUnavailable`."""

    def __init__(
        self,
        repository: Repository,
        *,
        codes: Codes,
        throttle: Throttle,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._codes = codes
        self._throttle = throttle
        self._audit = audit
        self._clock = clock

    async def code_for(self, user: User) -> Code:
        """A code that lets whoever redeems it link their identity with this account."""
        item = {"user_id": user.user_id}
        return await self._codes.make("account", item, lives_seconds=CODE_SECONDS)

    async def proof_of(self, identity: Identity) -> Code:
        """A code that lets whoever redeems it link this identity with their account."""
        _check(identity)
        item = {"provider_user_id": identity.provider_user_id, "name": _name(identity)}
        return await self._codes.make("identity", item, lives_seconds=CODE_SECONDS)

    async def maker(self, code: str, identity: Identity) -> User:
        """
        The account that made the code, which stays good.

        Raises `CodeInvalid`, `LinkedElsewhere`, and `TooManyAttempts` per identity.
        """
        _check(identity)
        item = await self._look("account", code, _redeeming(identity))
        user = await self._repository.user(str(item["user_id"]))
        if user is None:
            raise CodeInvalid
        await self._check_free(identity, user.user_id)
        return user

    async def redeem(self, code: str, identity: Identity, *, by: By) -> str:
        """
        Link an identity with the account that made the code; returns the account's id.

        Raises `CodeInvalid`, `LinkedElsewhere`, and `TooManyAttempts` per identity.
        """
        _check(identity)
        tries = _redeeming(identity)
        user_id = str((await self._look("account", code, tries))["user_id"])
        spending = self._codes.spend("account", code)
        await self.join(user_id, identity, spending=spending, by=by)
        self._throttle.forgive(tries)
        return user_id

    async def identity(self, code: str, user: User) -> Identity:
        """
        The identity that the code stands for; the code stays good.

        Raises `CodeInvalid`, `LinkedElsewhere`, and `TooManyAttempts` per account.
        """
        identity = _of(await self._look("identity", code, _attaching(user)))
        await self._check_free(identity, user.user_id)
        return identity

    async def attach(self, user: User, code: str, *, by: By) -> None:
        """
        Link the identity that the code stands for with an account.

        Raises `CodeInvalid`, `LinkedElsewhere`, and `TooManyAttempts` per account.
        """
        tries = _attaching(user)
        identity = _of(await self._look("identity", code, tries))
        spending = self._codes.spend("identity", code)
        await self.join(user.user_id, identity, spending=spending, by=by)
        self._throttle.forgive(tries)

    async def detach(self, user: User, provider: str, identity: str, *, by: By) -> None:
        """Take an identity away from its account. Raises `NotLinked`, `NotALink`."""
        if provider == "password":
            raise NotALink
        if not SNOWFLAKE.fullmatch(identity):
            raise NotLinked(provider)
        await self._repository.unlink(user.user_id, provider, identity)
        log.info("identity.unlinked", user_id=user.user_id, provider=provider)
        await self._audit.note("identity.unlinked", by, about=user.user_id, detail=provider)

    async def owner(self, provider: str, identity: str) -> User:
        """The account linked with an identity. Raises `NotLinked`."""
        if not SNOWFLAKE.fullmatch(identity):
            raise NotLinked(provider)
        user_id = await self._repository.owner(provider, identity)
        user = await self._repository.user(user_id) if user_id is not None else None
        if user is None:
            raise NotLinked(provider)
        return user

    async def join(self, user_id: str, identity: Identity, *, spending: Delete, by: By) -> None:
        """
        Make an identity that was proved belong to an account, with the write that spends its proof.

        Raises `CodeInvalid`, `LinkedElsewhere`, `UnknownUser`.
        """
        _check(identity)
        method = AuthMethod(
            provider="discord",
            identity=identity.provider_user_id,
            user_id=user_id,
            name=_name(identity),
            added_at=self._clock.now(),
        )
        await self._repository.link(method, spending=spending)
        log.info("identity.linked", user_id=user_id, provider=method.provider)
        await self._audit.note("identity.linked", by, about=user_id, detail=method.provider)

    async def _look(self, purpose: Literal["account", "identity"], code: str, tries: Tries) -> Item:
        """What the code stands for. Only spending one forgives: a code of one's own stays good."""
        self._throttle.attempt(tries)
        item = await self._codes.look(purpose, code)
        if item is None:
            raise CodeInvalid
        self._throttle.undo(tries)
        return item

    async def _check_free(self, identity: Identity, user_id: str) -> None:
        owner = await self._repository.owner(identity.provider, identity.provider_user_id)
        if owner not in (None, user_id):
            raise LinkedElsewhere(identity.provider)


def _redeeming(identity: Identity) -> Tries:
    return Tries(("redeem", identity.provider, identity.provider_user_id))


def _attaching(user: User) -> Tries:
    return Tries(("attach", user.user_id))


def _of(item: Item) -> Identity:
    return Identity("discord", str(item["provider_user_id"]), str(item["name"]))


def _check(identity: Identity) -> None:
    if not SNOWFLAKE.fullmatch(identity.provider_user_id):
        raise Unfit("provider_user_id", "Discord's ids are numbers")


def _name(identity: Identity) -> str:
    return check_display_name(identity.display_name, otherwise=identity.provider_user_id)
