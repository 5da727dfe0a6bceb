from collections.abc import AsyncIterator

import pytest

from small_web import Site, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site
