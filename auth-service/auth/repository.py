"""
Where accounts are kept.

    users         <user_id>            / profile        who somebody is (the brain adds rows beside)
                  everybody            / <user_id>      all accounts
                  admins               / <user_id>      admins who can sign in
                  disabled             / <user_id>      the list other services ask for
                  leaving              / <user_id>      accounts being removed (`leaving`)
    auth_methods  <provider>:<identity>/ -              whose identity this is; the hash
                  user:<user_id>       / <provider>:<identity>   the methods of one person

A username is taken by putting its method where none is, in one transaction with the profile, so of
many who want it at once one gets it. Whatever takes an admin away asserts in its transaction that
another one is there, so of two who remove each other one fails.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from auth.errors import (
    ChangedMeanwhile,
    CodeInvalid,
    InvitationNeeded,
    LastAdmin,
    LinkedElsewhere,
    NotLinked,
    UnknownUser,
    UsernameTaken,
)
from auth.users import USERNAME_CHARS, AuthMethod, User, canonical
from shared.store import (
    Absent,
    Change,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Matches,
    Put,
    Store,
    Write,
)

USERS = "users"
METHODS = "auth_methods"
EVERYBODY = "everybody"
ADMINS = "admins"
DISABLED = "disabled"
LEAVING = "leaving"
DISCORD = "discord"
USED_FROM = 5
"""Addresses remembered of one account, the newest first."""


@dataclass(frozen=True, slots=True)
class Password:
    """The kept password of one account, and where it was used with success."""

    user_id: str
    hash: str
    used_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """An account that is being removed since (seconds since 1970), and its Discord identities."""

    user_id: str
    since: float
    linked: Sequence[str] = ()


class Repository:
    """Accounts and identities in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def user(self, user_id: str) -> User | None:
        """The account with this id."""
        item = await self._store.get(_profile(user_id))
        return None if item is None else _user(item)

    async def page(self, *, limit: int, after: str | None) -> tuple[Sequence[User], str | None]:
        """Accounts in the order of their ids, those behind `after`; and what to ask for next."""
        rows = await self._store.query(USERS, EVERYBODY, limit=limit + 1, after=after)
        found = [await self.user(row.sk) for row in rows[:limit]]
        following = rows[limit - 1].sk if len(rows) > limit else None
        return [user for user in found if user is not None], following

    async def password(self, username: str) -> Password | None:
        """The kept password of the account with this username."""
        if len(canonical(username)) > USERNAME_CHARS[1]:
            return None  # longer than any account's, and perhaps than the store's keys may be
        item = await self._store.get(_password(username))
        if item is None:
            return None
        return Password(item["user_id"], item["hash"], tuple(item.get("used_from", ())))

    async def owner(self, provider: str, identity: str) -> str | None:
        """The id of the account that an identity of a provider is linked with."""
        item = await self._store.get(_method(provider, identity))
        return None if item is None else str(item["user_id"])

    async def methods(self, user_id: str) -> Sequence[AuthMethod]:
        """The ways in which somebody can prove to be this person."""
        rows = await self._store.query(METHODS, _of(user_id))
        return [AuthMethod(**row.item) for row in rows]

    async def create(self, user: User, password_hash: str, invitation: Delete | None) -> None:
        """
        Keep a new account, spending the invitation if there is one.

        Raises `UsernameTaken`, or `InvitationNeeded` when somebody else has used the invitation.
        """
        name = canonical(user.username)
        method = AuthMethod("password", name, user.user_id, user.username, user.created_at)
        writes: list[Write] = [
            Put(_password(name), asdict(method) | {"hash": password_hash}, when=Absent()),
            Put(_profile(user.user_id), asdict(user), when=Absent()),
            Put(_listed(method), asdict(method)),
            Put(Key(USERS, EVERYBODY, user.user_id), {}),
        ]
        if user.runs_the_place:
            writes.append(Put(Key(USERS, ADMINS, user.user_id), {}))
        if invitation is not None:
            writes.append(invitation)
        try:
            await self._store.write(*writes)
        except ConditionFailed as refused:
            if invitation is not None and refused.index == len(writes) - 1:
                raise InvitationNeeded from refused
            raise UsernameTaken(user.username) from refused

    async def link(self, method: AuthMethod, *, spending: Delete) -> None:
        """
        Make an identity belong to an account that may sign in, using up the code that proved it.

        An identity the account already has is renewed. Raises `CodeInvalid` when the code is gone,
        `LinkedElsewhere` when the identity is taken, `UnknownUser` when the account is shut out.
        """
        owner = await self.owner(method.provider, method.identity)
        unchanged = Absent() if owner is None else Matches({"user_id": method.user_id})
        try:
            await self._store.write(
                spending,
                Put(_method(method.provider, method.identity), asdict(method), when=unchanged),
                Put(_listed(method), asdict(method)),
                may_sign_in(method.user_id),
            )
        except ConditionFailed as refused:
            if refused.index == 0:
                raise CodeInvalid from refused
            if refused.index == 3:
                raise UnknownUser from refused
            raise LinkedElsewhere(method.provider) from refused

    async def unlink(self, user_id: str, provider: str, identity: str) -> None:
        """Make an identity nobody's. Raises `NotLinked` when it is not this person's."""
        try:
            await self._store.write(
                Delete(_method(provider, identity), when=Matches({"user_id": user_id})),
                Delete(Key(METHODS, _of(user_id), f"{provider}:{identity}")),
            )
        except ConditionFailed as not_theirs:
            raise NotLinked(provider) from not_theirs

    async def change(self, user: User, *also: Write, **attributes: Any) -> User:
        """
        Set attributes of an account that is as `user` says, together with `also`.

        One that is being removed is gone already. Raises `UnknownUser`, `ChangedMeanwhile`,
        `LastAdmin`.
        """
        staying = Delete(_leaving(user.user_id), when=Absent())
        return await self._change(user, staying, *also, **attributes)

    async def set_password(self, user: User, password_hash: str, *also: Write) -> None:
        """Replace the kept password, together with `also`. Raises `UnknownUser`."""
        try:
            await self._store.write(
                Change(_password(user.username), set={"hash": password_hash}, when=Matches()), *also
            )
        except ConditionFailed as gone:
            raise UnknownUser from gone

    async def disabled(self) -> Sequence[str]:
        """The ids of all disabled accounts."""
        return [row.sk for row in await self._store.query(USERS, DISABLED)]

    async def shut_out_for_good(self, user: User, *, now: float) -> None:
        """
        Begin the removal of an account: nobody gets in any more, and `leaving` knows of it.

        Raises what `change` raises.
        """
        linked = [
            one.identity for one in await self.methods(user.user_id) if one.provider == DISCORD
        ]
        leaving = Put(_leaving(user.user_id), {"since": now, "linked": linked})
        await self._change(user, leaving, disabled=True)

    async def leaving(self) -> Sequence[Removal]:
        """The accounts that are being removed."""
        rows = await self._store.query(USERS, LEAVING)
        return [Removal(row.sk, row.item["since"], row.item.get("linked", [])) for row in rows]

    async def remove(self, user_id: str) -> None:
        """Remove an account that was shut out; may be repeated."""
        for method in await self.methods(user_id):
            await self._store.write(
                Delete(_method(method.provider, method.identity)), Delete(_listed(method))
            )
        await self._store.write(
            Delete(_profile(user_id)),
            Delete(Key(USERS, EVERYBODY, user_id)),
            Delete(Key(USERS, DISABLED, user_id)),
        )

    async def left(self, user_id: str) -> None:
        """The removal of an account is complete."""
        await self._store.write(Delete(_leaving(user_id)))

    async def _change(self, user: User, *also: Write, **attributes: Any) -> User:
        changed = replace(user, **attributes)
        as_known = Matches({"role": user.role, "disabled": user.disabled})
        writes = [
            Change(_profile(user.user_id), set=attributes, when=as_known),
            *_listing(user, changed),
            *await self._admins(user, changed),
        ]
        try:
            await self._store.write(*writes, *also)
        except ConditionFailed as refused:
            is_leaving = await self._store.get(_leaving(user.user_id)) is not None
            if is_leaving or await self.user(user.user_id) is None:
                raise UnknownUser from refused
            raise ChangedMeanwhile from refused
        return changed

    async def _admins(self, before: User, after: User) -> Sequence[Write]:
        """What a change does to the list of admins, who never become none."""
        key = Key(USERS, ADMINS, before.user_id)
        if before.runs_the_place == after.runs_the_place:
            return []
        if after.runs_the_place:
            return [Put(key, {})]
        rows = await self._store.query(USERS, ADMINS, limit=2)
        others = [row.sk for row in rows if row.sk != before.user_id]
        if not others:
            raise LastAdmin
        still_there = Change(Key(USERS, ADMINS, others[0]), set={"needed": True}, when=Matches())
        return [Delete(key), still_there]


def password_used(username: str, password: Password, *, address: str, at: float) -> Change:
    """The write that notes a use of the password, and refuses when it was changed meanwhile."""
    used_from = [address, *(one for one in password.used_from if one != address)][:USED_FROM]
    return Change(
        _password(username),
        set={"used_at": at, "used_from": used_from},
        when=Matches({"hash": password.hash}),
    )


def identity_used(provider: str, identity: str, user_id: str, *, at: float) -> Change:
    """The write that notes a use of an identity, and refuses when it is no longer this person's."""
    return Change(
        _method(provider, identity), set={"used_at": at}, when=Matches({"user_id": user_id})
    )


def signed_in(user: User, *, at: float) -> Change:
    """The write that notes a sign-in, and refuses when role or rights were changed meanwhile."""
    return Change(
        _profile(user.user_id),
        set={"signed_in_at": at},
        when=Matches({"role": user.role, "disabled": False}),
    )


def may_sign_in(user_id: str) -> Change:
    """A write that changes nothing, and refuses when the account is gone or shut out."""
    return Change(_profile(user_id), set={"disabled": False}, when=Matches({"disabled": False}))


def _listing(before: User, after: User) -> Sequence[Write]:
    """What a change does to the list of disabled accounts."""
    key = Key(USERS, DISABLED, before.user_id)
    if before.disabled == after.disabled:
        return []
    return [Put(key, {})] if after.disabled else [Delete(key)]


def _profile(user_id: str) -> Key:
    return Key(USERS, user_id, "profile")


def _leaving(user_id: str) -> Key:
    return Key(USERS, LEAVING, user_id)


def _password(username: str) -> Key:
    return _method("password", canonical(username))


def _method(provider: str, identity: str) -> Key:
    return Key(METHODS, f"{provider}:{identity}")


def _of(user_id: str) -> str:
    return f"user:{user_id}"


def _listed(method: AuthMethod) -> Key:
    return Key(METHODS, _of(method.user_id), f"{method.provider}:{method.identity}")


def _user(item: Item) -> User:
    return User(**item)
