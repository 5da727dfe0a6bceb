"""
What a person had under another id becomes theirs: their places in conversations.

    header (owner, participants) and place in the list, per conversation, in one transaction

Turns write the header, too, from what they loaded. A conversation in which one is under way is
therefore left in the old list, and handed over once more after it has ended.
"""

from collections.abc import Collection, Mapping
from typing import Any

from brain.context.repository import HEADER, TABLE
from shared.store import Change, ConditionFailed, Delete, Item, Key, Matches, Put, Store, Write

VERSION = ("epoch", "turn")
"""What rises whenever somebody else writes the header."""


async def hand_over(store: Store, *, former: str, heir: str, busy: Collection[str]) -> bool:
    """
    Make `heir` owner and participant wherever `former` was; whether nothing is left to do.

    `busy` are the keys of conversations in which something is being asked. May be repeated.
    """
    done = True
    for row in await store.query(TABLE, _list_of(former)):
        writes = await _header(store, row.sk, former=former, heir=heir)
        writes.append(await _listing(store, row.sk, row.item, heir=heir))
        if row.sk not in busy:
            writes.append(Delete(Key(TABLE, _list_of(former), row.sk)))
        try:
            await store.write(*writes)
        except ConditionFailed:
            done = False  # a turn or a reset wrote at this moment
        done = done and row.sk not in busy
    return done


async def _header(store: Store, key: str, *, former: str, heir: str) -> list[Write]:
    header = await store.get(Key(TABLE, key, HEADER))
    if header is None:
        return []
    seen: dict[str, int] = {name: header[name] for name in VERSION if name in header}
    return [Change(Key(TABLE, key, HEADER), set=_renamed(header, former, heir), when=Matches(seen))]


def _renamed(header: Mapping[str, Any], former: str, heir: str) -> Item:
    participants: dict[str, str] = {}
    for user, name in header["participants"].items():
        participants.setdefault(heir if user == former else user, name)
    owner = header["owner"]
    return {"participants": participants, "owner": heir if owner == former else owner}


async def _listing(store: Store, key: str, listed: Item, *, heir: str) -> Write:
    """The newer of both rows, where the heir takes part already."""
    own = await store.get(Key(TABLE, _list_of(heir), key))
    newer = listed if own is None or listed["updated_at"] > own["updated_at"] else own
    return Put(Key(TABLE, _list_of(heir), key), newer)


def _list_of(user_id: str) -> str:
    return f"of#{user_id}"
