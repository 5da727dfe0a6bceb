"""Both servers on free ports, a hundred times faster than scripted."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from rehearsal import Rehearsal, Servers, running

SPEED = 100.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage() -> Rehearsal:
    return Rehearsal(speed=SPEED)


@pytest.fixture
async def servers(stage: Rehearsal) -> AsyncIterator[Servers]:
    async with running(stage, ollama_port=0, openai_port=0) as both:
        yield both


@pytest.fixture
async def http(servers: Servers) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
