"""A store that counts what is asked of it, for tests and benchmarks of the hot path."""

from collections import Counter
from collections.abc import Sequence

from shared.store.base import Item, Key, Row, Store, Write


class CountingStore:
    """Passes everything on to `store`; `counts` says how often each operation was asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All operations so far; a transaction is one."""
        return self.counts.total()

    async def get(self, key: Key) -> Item | None:
        self.counts["get"] += 1
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
        self.counts["query"] += 1
        return await self._store.query(
            table, pk, prefix=prefix, after=after, limit=limit, newest_first=newest_first
        )

    async def write(self, *writes: Write) -> None:
        self.counts["write"] += 1
        await self._store.write(*writes)

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        self.counts["add"] += 1
        return await self._store.add(key, attribute, amount)
