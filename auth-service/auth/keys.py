"""
Personal API keys: what a program uses in place of a sign-in on the brain's `/v1`.

    auth_methods  key:<sha256 of the key> / -          whose key it is
                  keys:<user_id>          / <key id>   the keys of one person

A key is shown once and kept as its SHA-256. A slow hash such as bcrypt is for secrets that people
choose and others can guess; 256 random bits cannot be guessed, and a key is looked up by its hash
and checked every few seconds while it is used, which a fast hash without a salt allows.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from uuid import uuid4

import structlog

from auth.audit import Audit, By
from auth.errors import SignInEnded, TooManyKeys, Unfit, UnknownKey
from auth.repository import METHODS, Repository, may_sign_in
from auth.users import User
from shared.clock import Clock
from shared.store import Change, ConditionFailed, Delete, Key, Matches, Put, Store

log = structlog.get_logger(__name__)
PREFIX = "tr-"
"""Tells a key from a JWT, and lets scanners for leaked secrets recognise one."""

RANDOM_BYTES = 32
KEY_CHARS = len(PREFIX) + 43
NAME_CHARS = 64
MAX_KEYS = 20
NOTE_USE_SECONDS = 60.0
"""`last_used_at` is this coarse, so that using a key does not mean a write each time."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. Moments are seconds since 1970."""

    key_id: str
    user_id: str
    name: str
    created_at: float
    hash: str
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its owner gets to see it once."""

    key: ApiKey
    secret: str


class Keys:
    """Makes, lists, checks and revokes keys; every call may raise `StoreUnavailable`."""

    def __init__(self, repository: Repository, *, store: Store, audit: Audit, clock: Clock) -> None:
        self._repository = repository
        self._store = store
        self._audit = audit
        self._clock = clock

    async def create(self, user: User, name: str, *, by: By) -> NewKey:
        """A new key of `user`. Raises `Unfit`, `TooManyKeys`, `SignInEnded`."""
        shown = _check_name(name)
        if len(await self.of(user)) >= MAX_KEYS:
            raise TooManyKeys(MAX_KEYS)
        secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
        key = ApiKey(uuid4().hex, user.user_id, shown, self._clock.now(), _hash(secret))
        try:
            await self._store.write(
                Put(_by_hash(key.hash), {"user_id": user.user_id, "key_id": key.key_id}),
                Put(_listed(user.user_id, key.key_id), asdict(key)),
                may_sign_in(user.user_id),
            )
        except ConditionFailed as shut_out:
            raise SignInEnded from shut_out
        log.info("key.created", user_id=user.user_id, key_id=key.key_id)
        await self._audit.note("key.created", by, about=user.user_id, detail=key.key_id)
        return NewKey(key, secret)

    async def of(self, user: User) -> Sequence[ApiKey]:
        """The keys of `user`, oldest first."""
        rows = await self._store.query(METHODS, f"keys:{user.user_id}")
        return sorted((ApiKey(**row.item) for row in rows), key=lambda key: key.created_at)

    async def revoke(self, user: User, key_id: str, *, by: By) -> None:
        """End a key of `user`. Raises `UnknownKey`, also for other people's keys."""
        item = await self._store.get(_listed(user.user_id, key_id))
        if item is None:
            raise UnknownKey
        await self._store.write(
            Delete(_listed(user.user_id, key_id)), Delete(_by_hash(str(item["hash"])))
        )
        log.info("key.revoked", user_id=user.user_id, key_id=key_id)
        await self._audit.note("key.revoked", by, about=user.user_id, detail=key_id)

    async def revoke_all(self, user_id: str) -> None:
        """End all keys of somebody who is shut out."""
        for row in await self._store.query(METHODS, f"keys:{user_id}"):
            hashed = _by_hash(str(row.item["hash"]))
            await self._store.write(Delete(_listed(user_id, row.sk)), Delete(hashed))

    async def owner(self, secret: str) -> tuple[User, str]:
        """
        Whose key this is, as they are now, and the key's id.

        Raises `UnknownKey` for a key that never was or was revoked, and for people shut out.
        """
        if len(secret) != KEY_CHARS or not secret.startswith(PREFIX):
            raise UnknownKey
        item = await self._store.get(_by_hash(_hash(secret)))
        user = None if item is None else await self._repository.user(str(item["user_id"]))
        if item is None or user is None or user.disabled:
            raise UnknownKey
        key_id = str(item["key_id"])
        await self._note_use(user, key_id)
        return user, key_id

    async def _note_use(self, user: User, key_id: str) -> None:
        row = _listed(user.user_id, key_id)
        item = await self._store.get(row)
        if item is None:
            raise UnknownKey  # revoked between two reads
        now = self._clock.now()
        if item["last_used_at"] is None or now - item["last_used_at"] >= NOTE_USE_SECONDS:
            try:
                await self._store.write(Change(row, set={"last_used_at": now}, when=Matches()))
            except ConditionFailed as revoked:
                raise UnknownKey from revoked


def _check_name(name: str) -> str:
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= NAME_CHARS or not shown.isprintable():
        raise Unfit("name", f"it needs 1 to {NAME_CHARS} characters that can be shown")
    return shown


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _by_hash(digest: str) -> Key:
    return Key(METHODS, f"key:{digest}")


def _listed(user_id: str, key_id: str) -> Key:
    return Key(METHODS, f"keys:{user_id}", key_id)
