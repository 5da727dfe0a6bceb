"""What all tests of `shared` use."""

import pytest

from shared.clock import ManualClock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    # In the future, so that a DynamoDB which really removes expired rows leaves ours alone.
    return ManualClock(now=4_000_000_000.0)
