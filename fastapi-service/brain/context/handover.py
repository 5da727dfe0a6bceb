"""
What a person had under another id becomes theirs: their places in conversations.

    header (owner, participants) and place in the list ─▶ the same header, and out of the old list
    └ whoever loads it from here on sees the heir          └ only if no turn knows it as it was

Turns write the header, too, from what they loaded. The old list leads back to a conversation until
no turn that began before the hand-over is under way or has ended meanwhile.
"""

from collections.abc import Callable, Mapping
from typing import Any

from brain.context.repository import HEADER, TABLE
from shared.store import Change, ConditionFailed, Delete, Item, Key, Matches, Put, Row, Store, Write

VERSION = ("epoch", "turn")
"""What rises whenever somebody else writes the header."""


async def hand_over(
    store: Store, *, former: str, heir: str, is_busy: Callable[[str], bool]
) -> bool:
    """
    Make `heir` owner and participant wherever `former` was; whether nothing is left to do.

    `is_busy`: whether something is being asked in the conversation with this key right now. May be
    repeated.
    """
    done = True
    for row in await store.query(TABLE, _list_of(former)):
        try:
            done = await _conversation(store, row, former, heir, is_busy) and done
        except ConditionFailed:
            done = False  # a turn or a reset wrote at this moment
    return done


async def _conversation(
    store: Store, row: Row, former: str, heir: str, is_busy: Callable[[str], bool]
) -> bool:
    listed = Key(TABLE, _list_of(former), row.sk)
    header = await store.get(Key(TABLE, row.sk, HEADER))
    if header is None:
        if is_busy(row.sk):
            return False
        await store.write(Delete(listed))  # it was deleted while something was asked there
        return True
    renamed = _renamed(row.sk, header, former, heir)
    await store.write(renamed, await _listing(store, row.sk, row.item, heir=heir))
    if is_busy(row.sk):
        return False
    await store.write(renamed, Delete(listed))
    return True


def _renamed(key: str, header: Mapping[str, Any], former: str, heir: str) -> Write:
    """The header with the heir in it, unless somebody has written it since it was read."""
    seen: dict[str, int] = {name: header[name] for name in VERSION if name in header}
    participants: dict[str, str] = {}
    for user, name in header["participants"].items():
        participants.setdefault(heir if user == former else user, name)
    owner = heir if header["owner"] == former else header["owner"]
    new = {"participants": participants, "owner": owner}
    return Change(Key(TABLE, key, HEADER), set=new, when=Matches(seen))


async def _listing(store: Store, key: str, listed: Item, *, heir: str) -> Write:
    """The newer of both rows, where the heir takes part already."""
    own = await store.get(Key(TABLE, _list_of(heir), key))
    newer = listed if own is None or listed["updated_at"] > own["updated_at"] else own
    return Put(Key(TABLE, _list_of(heir), key), newer)


def _list_of(user_id: str) -> str:
    return f"of#{user_id}"
