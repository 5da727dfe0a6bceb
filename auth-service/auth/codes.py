"""One-time codes: short enough to type, spent by the transaction that acts on them."""

import secrets
from dataclasses import dataclass
from typing import Literal

from auth.errors import CodeInvalid
from shared.clock import Clock
from shared.store import Absent, ConditionFailed, Delete, Item, Key, Matches, Put, Store

Purpose = Literal["account", "identity", "invite", "oauth"]
"""
What the code stands for: an account here, a proven identity elsewhere, a leave to register, a
consent given at another provider.
"""

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0 and O, 1, I and L, and U (for V): 30 characters, 8 of them are 39 bits."""

LENGTH = 8


@dataclass(frozen=True, slots=True)
class Code:
    """A code as its owner gets to see it once."""

    text: str
    expires_in: int


class Codes:
    """
    Codes in the store. They are kept readable: whoever can read the table could redeem nothing
    without the service token or a sign-in, and they live for minutes.
    """

    def __init__(self, store: Store, *, clock: Clock, table: str) -> None:
        self._store = store
        self._clock = clock
        self._table = table

    async def make(self, purpose: Purpose, item: Item, *, lives_seconds: float) -> Code:
        """A new code that stands for `item`."""
        text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        expires_at = self._clock.now() + lives_seconds
        row = item | {"purpose": purpose}
        await self._store.write(Put(self._key(text), row, when=Absent(), expires_at=expires_at))
        return Code(text, round(lives_seconds))

    async def look(self, purpose: Purpose, text: str) -> Item | None:
        """What the code stands for, or None. Looking does not spend it."""
        if not (plain := _plain(text)):
            return None
        row = await self._store.get(self._key(plain))
        return row if row is not None and row["purpose"] == purpose else None

    def spend(self, purpose: Purpose, text: str) -> Delete:
        """The write that uses the code up; it refuses its transaction when somebody was faster."""
        return Delete(self._key(_plain(text)), when=Matches({"purpose": purpose}))

    async def use(self, spending: Delete) -> None:
        """Use a code up by itself. Raises `CodeInvalid` when somebody was faster."""
        try:
            await self._store.write(spending)
        except ConditionFailed as gone:
            raise CodeInvalid from gone

    def _key(self, text: str) -> Key:
        return Key(self._table, f"code:{text}")


def _plain(text: str) -> str:
    """The code as it was made, however it was typed; empty when it cannot be one."""
    plain = text.upper().replace("-", "").replace(" ", "")
    return plain if len(plain) == LENGTH and set(plain) <= set(ALPHABET) else ""
