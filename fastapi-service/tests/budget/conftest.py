from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.settings import StoreSettings
from shared.store import Store, open_store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    settings = StoreSettings(_env_file=None, store_url=f"sqlite:///{tmp_path}/budget.db")
    async with open_store(settings, tables=("users",), clock=clock) as store:
        yield store
