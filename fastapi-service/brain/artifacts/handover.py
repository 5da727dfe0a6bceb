"""Files that become somebody else's, because the account of their owner was found."""

from brain.artifacts.keeping import BACKSTOP_SECONDS, TABLE
from shared.store import Change, ConditionFailed, Delete, Key, Matches, Put, Store, Write


async def hand_over_files(store: Store, *, former: str, heir: str) -> None:
    """All files of `former` belong to `heir` from now on; may be repeated."""
    for row in await store.query(TABLE, f"of#{former}"):
        gone = Delete(Key(TABLE, f"of#{former}", row.sk))
        counted = Key(TABLE, f"of#{heir}", row.sk)
        writes: list[Write] = [
            Change(Key(TABLE, row.sk), set={"owner": heir}, when=Matches()),
            Put(counted, row.item, expires_at=row.item["expires_at"] + BACKSTOP_SECONDS),
            gone,
        ]
        try:
            await store.write(*writes)
        except ConditionFailed:  # the file itself is gone
            await store.write(gone)
