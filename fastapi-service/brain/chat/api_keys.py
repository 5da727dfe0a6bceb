"""Whose personal API key it is; the auth service knows."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import structlog
from pydantic import BaseModel

from brain.chat.admission import Caller
from shared.clock import Clock
from shared.errors import AuthRequired
from shared.http import Peer, Refused

log = structlog.get_logger(__name__)
PREFIX = "tr-"
"""What every key begins with and no JWT does."""

CACHE_SECONDS = 5.0
"""A revoked key and the key of a disabled person stop within ten seconds (protocol section 2)."""

CACHE_SIZE = 4096


class KeyInvalid(AuthRequired):
    """The key was revoked, never existed, or its owner is shut out."""

    def __init__(self) -> None:
        super().__init__("This API key is not valid (any more); please make a new one.")


class _Owner(BaseModel):
    user_id: str
    name: str
    role: Literal["user", "admin"]


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    caller: Caller


class ApiKeys:
    """Asks the auth service, and remembers a good answer for five seconds. Keeps no key itself."""

    def __init__(self, auth: Peer, *, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._known: dict[bytes, _Known] = {}

    async def caller(self, key: str) -> Caller:
        """The owner of `key`. Raises `KeyInvalid`, `Upstream` when auth does not answer."""
        digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        now = self._clock.monotonic()
        if known is not None and now < known.until:
            return known.caller
        self._known.pop(digest, None)
        caller = await self._ask(key)
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        # Counted from before the question, so that the answer is never older than it may be.
        self._known[digest] = _Known(now + CACHE_SECONDS, caller)
        return caller

    async def _ask(self, key: str) -> Caller:
        try:
            answer = await self._auth.post("/keys/verify", json={"key": key})
        except Refused as refused:
            if refused.status in (404, 422):
                raise KeyInvalid from refused
            raise
        owner = _Owner.model_validate(answer)
        return Caller("user", user_id=owner.user_id, name=owner.name, role=owner.role)
