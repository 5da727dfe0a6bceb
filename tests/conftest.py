"""What every test of the whole platform may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from box import Box


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.stop()
