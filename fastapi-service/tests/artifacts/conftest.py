"""A real store in a file, files in a folder, and time that stands still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brain.artifacts.keeping import TABLE, FileStore
from shared.clock import ManualClock
from shared.settings import StoreSettings
from shared.store import Store, open_store

QUOTA = 1_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    settings = StoreSettings(_env_file=None, store_url=f"sqlite:///{tmp_path}/files.db")
    async with open_store(settings, tables=(TABLE,), clock=clock) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def files(store: Store, folder: Path, clock: ManualClock) -> FileStore:
    return FileStore(store, folder=folder, quota_bytes=QUOTA, clock=clock)
