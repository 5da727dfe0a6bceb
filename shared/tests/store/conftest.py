"""
The stores under test: SQLite in a temporary file, and DynamoDB where one is at hand.

The DynamoDB half runs when `DYNAMODB_LOCAL_URL` names one (DynamoDB Local, or anything that speaks
its protocol); otherwise it is skipped and says so. Tests share one table and keep apart by key.
"""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from shared.clock import ManualClock
from shared.settings import StoreSettings
from shared.store import Key, Store, open_store

TABLE = "trollama-contract"
DYNAMODB = os.environ.get("DYNAMODB_LOCAL_URL")

MakeKey = Callable[..., Key]


@pytest.fixture(params=["sqlite", "dynamodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StoreSettings:
    if request.param == "sqlite":
        return StoreSettings(store_url=f"sqlite:///{tmp_path}/data/store.db", _env_file=None)
    if DYNAMODB is None:
        pytest.skip("DYNAMODB_LOCAL_URL does not name a DynamoDB to test on")
    return StoreSettings(store_url="dynamodb:", dynamodb_endpoint=DYNAMODB, _env_file=None)


@pytest.fixture
async def store(settings: StoreSettings, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(settings, tables=[TABLE], clock=clock) as opened:
        yield opened


@pytest.fixture
def key() -> MakeKey:
    """Makes keys that no other test uses."""
    prefix = uuid4().hex

    def make(pk: str = "", sk: str = "-") -> Key:
        return Key(TABLE, prefix + pk, sk)

    return make
