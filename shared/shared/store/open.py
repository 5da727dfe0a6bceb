"""Which store `STORE_URL` means, opened and closed."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from shared.clock import Clock
from shared.settings import DYNAMODB, SQLITE, StoreSettings
from shared.store.base import Store
from shared.store.dynamo import DynamoStore
from shared.store.sqlite import SqliteStore

TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
"""Names DynamoDB allows (its developer guide, "Naming rules")."""


@asynccontextmanager
async def open_store(
    settings: StoreSettings, *, tables: Sequence[str], clock: Clock
) -> AsyncIterator[Store]:
    """
    The store that `settings.store_url` names, for these tables, closed at the end.

    Does not touch the database yet: one that is down or not there yet shows itself as
    `StoreUnavailable` at each call until it is up.
    """
    store = _choose(settings, tables, clock)
    try:
        yield store
    finally:
        await store.aclose()


def _choose(
    settings: StoreSettings, tables: Sequence[str], clock: Clock
) -> SqliteStore | DynamoStore:
    for table in tables:
        if not TABLE_NAME.fullmatch(table):
            raise ValueError(f"{table!r} is no name for a table")
    if settings.store_url == DYNAMODB:
        return DynamoStore(settings, tables=tables, clock=clock)
    path = Path(settings.store_url.removeprefix(SQLITE))
    return SqliteStore(path, tables=tables, clock=clock)
