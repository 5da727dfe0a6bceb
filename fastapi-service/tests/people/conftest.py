"""A real store in a file, and time that stands still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brain.config import Settings
from shared.clock import ManualClock
from shared.store import open_store
from shared.store.counting import CountingStore

SECRET = "t" * 8 + "-test-only-" + "qz" * 16


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[CountingStore]:
    settings = Settings(
        _env_file=None,
        store_url=f"sqlite:///{tmp_path}/people.db",
        jwt_secret_key=SECRET,
        service_token=SECRET[::-1],
    )
    async with open_store(
        settings, tables=("users", "conversations", "jobs"), clock=clock
    ) as opened:
        yield CountingStore(opened)
