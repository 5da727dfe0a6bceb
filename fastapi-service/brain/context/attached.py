"""
Discord threads that go on with a conversation from elsewhere (docs/decisions/0016).

table conversations   pk attached   sk <discord:…>   conversation, owner, shared, at

All of them are read once and then kept: this object is the only writer, so what it remembers is
true, and a question costs no look into the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from brain.context.repository import TABLE
from shared.store import Delete, Key, Put, Store

PARTITION = "attached"


@dataclass(frozen=True, slots=True)
class Attached:
    """
    `place` is the thread's own key, `conversation` the key of what it goes on with, `owner` the
    person whose that is. Others than the owner may ask there only where it is `shared`.
    """

    place: str
    conversation: str
    owner: str
    shared: bool
    at: float


class Attachings:
    """Who is attached where; every call may raise `StoreUnavailable` until it was read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Attached] | None = None

    async def at(self, place: str) -> Attached | None:
        """What the thread with this key goes on with."""
        return (await self._all()).get(place)

    async def of(self, conversation: str) -> Sequence[Attached]:
        """The threads that go on with this conversation, by their key."""
        found = [one for one in (await self._all()).values() if one.conversation == conversation]
        return sorted(found, key=lambda one: one.place)

    async def conversations(self) -> set[str]:
        """The keys of all conversations that threads go on with."""
        return {one.conversation for one in (await self._all()).values()}

    async def attach(self, attached: Attached) -> None:
        """From now on its place goes on with its conversation, whatever it did before."""
        known = await self._all()
        await self._store.write(
            Put(
                Key(TABLE, PARTITION, attached.place),
                {
                    "conversation": attached.conversation,
                    "owner": attached.owner,
                    "shared": attached.shared,
                    "at": attached.at,
                },
            )
        )
        known[attached.place] = attached

    async def detach(self, place: str) -> None:
        """The thread is by itself again; fine to repeat."""
        known = await self._all()
        await self._store.write(Delete(Key(TABLE, PARTITION, place)))
        known.pop(place, None)

    async def detach_all(self, conversation: str) -> None:
        """Detach every thread that goes on with this conversation."""
        for one in await self.of(conversation):
            await self.detach(one.place)

    async def _all(self) -> dict[str, Attached]:
        if self._known is None:
            rows = await self._store.query(TABLE, PARTITION)
            if self._known is None:  # somebody else may have read it meanwhile
                self._known = {row.sk: Attached(place=row.sk, **row.item) for row in rows}
        return self._known
