"""The real `ollama` client against the stand-in."""

from collections.abc import AsyncIterator

import pytest
from ollama import AsyncClient

from rehearsal import Servers


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(host=servers.ollama_url) as client:
        yield client
