"""
Where accounts are kept.

    users         <user_id>            / profile        who somebody is (the brain adds rows beside)
                  disabled             / <user_id>      the list other services ask for
    auth_methods  <provider>:<identity>/ -              whose identity this is; the hash
                  user:<user_id>       / <provider>:<identity>   the methods of one person

A username is taken by putting its method where none is, in one transaction with the profile, so of
many who want it at once one gets it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from auth.errors import CodeInvalid, InvitationNeeded, LinkedElsewhere, UnknownUser, UsernameTaken
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
DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Password:
    """The kept password of one account."""

    user_id: str
    hash: str


class Repository:
    """Accounts and identities in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def user(self, user_id: str) -> User | None:
        """The account with this id."""
        item = await self._store.get(_profile(user_id))
        return None if item is None else _user(item)

    async def password(self, username: str) -> Password | None:
        """The kept password of the account with this username."""
        if len(canonical(username)) > USERNAME_CHARS[1]:
            return None  # longer than any account's, and perhaps than the store's keys may be
        item = await self._store.get(_password(username))
        return None if item is None else Password(item["user_id"], item["hash"])

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
        ]
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
        Make an identity belong to an account, using up the code that proved it.

        An identity the account already has is renewed. Raises `CodeInvalid` when the code is gone,
        `LinkedElsewhere` when the identity is taken.
        """
        owner = await self.owner(method.provider, method.identity)
        unchanged = Absent() if owner is None else Matches({"user_id": method.user_id})
        try:
            await self._store.write(
                spending,
                Put(_method(method.provider, method.identity), asdict(method), when=unchanged),
                Put(_listed(method), asdict(method)),
            )
        except ConditionFailed as refused:
            if refused.index == 0:
                raise CodeInvalid from refused
            raise LinkedElsewhere(method.provider) from refused

    async def change(self, user: User, **attributes: Any) -> None:
        """Set attributes of an account that exists. Raises `UnknownUser`."""
        try:
            await self._store.write(
                Change(_profile(user.user_id), set=attributes, when=Matches()),
                *_listing(user.user_id, attributes),
            )
        except ConditionFailed as gone:
            raise UnknownUser from gone

    async def set_password(self, user: User, password_hash: str) -> None:
        """Replace the kept password."""
        await self._store.write(Change(_password(user.username), set={"hash": password_hash}))

    async def disabled(self) -> Sequence[str]:
        """The ids of all disabled accounts."""
        return [row.sk for row in await self._store.query(USERS, DISABLED)]


def still(username: str, password: Password, *, used_at: float) -> Change:
    """The write that notes a use of the password, and refuses when it was changed meanwhile."""
    return Change(
        _password(username), set={"used_at": used_at}, when=Matches({"hash": password.hash})
    )


def _listing(user_id: str, attributes: dict[str, Any]) -> Sequence[Write]:
    """What a change of `disabled` does to the list of disabled accounts."""
    key = Key(USERS, DISABLED, user_id)
    match attributes.get("disabled"):
        case True:
            return [Put(key, {})]
        case False:
            return [Delete(key)]
        case _:
            return []


def _profile(user_id: str) -> Key:
    return Key(USERS, user_id, "profile")


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
