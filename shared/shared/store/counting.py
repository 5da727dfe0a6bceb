"""A store that counts, for tests and benchmarks of how often the database is asked."""

from collections import Counter
from collections.abc import Sequence

from shared.store.base import Item, Key, Row, Store, Write


class CountingStore:
    """Passes everything on to `store`; `count` has one entry a kind: get, query, write, add."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.count: Counter[str] = Counter()

    async def get(self, key: Key) -> Item | None:
        self.count["get"] += 1
        return await self._store.get(key)

    async def query(
        self,
        table: str,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[Row]:
        self.count["query"] += 1
        return await self._store.query(
            table, pk, prefix=prefix, after=after, limit=limit, newest_first=newest_first
        )

    async def write(self, *writes: Write) -> None:
        self.count["write"] += 1
        await self._store.write(*writes)

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        self.count["add"] += 1
        return await self._store.add(key, attribute, amount)
