"""Which store `STORE_URL` means, opened and closed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from shared.clock import Clock
from shared.settings import StoreSettings
from shared.store.base import Store
from shared.store.sqlite import SqliteStore

SQLITE = "sqlite:///"


@asynccontextmanager
async def open_store(
    settings: StoreSettings, *, tables: Sequence[str], clock: Clock
) -> AsyncIterator[Store]:
    """
    The store that `settings.store_url` names, for these tables, closed at the end.

    Does not touch the database yet: one that is down or not there yet shows itself as
    `StoreUnavailable` at each call until it is up. Raises `ValueError` for a wrong `STORE_URL`.
    """
    store = _choose(settings, tables, clock)
    try:
        yield store
    finally:
        await store.aclose()


def _choose(settings: StoreSettings, tables: Sequence[str], clock: Clock) -> SqliteStore:
    url = settings.store_url
    if url.startswith(SQLITE) and url != SQLITE:
        return SqliteStore(Path(url.removeprefix(SQLITE)), tables=tables, clock=clock)
    raise ValueError(
        "STORE_URL must be `sqlite:///<path of a file>` or `dynamodb:`; please correct it in .env."
    )
