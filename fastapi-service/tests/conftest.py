"""The whole brain over real sockets; only the models are rehearsal."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import pytest
import uvicorn

from brain.config import Settings
from brain.main import create_app
from brain.wiring import Brain, running
from brain.wiring.parts import TABLES
from chat_client import LIMIT_SECONDS, Client, connected
from rehearsal import Rehearsal, Script
from rehearsal import running as rehearsing
from shared.clock import SystemClock
from shared.errors import StoreUnavailable
from shared.protocol import MAX_FRAME_BYTES
from shared.store import Item, Key, Row, Store, Write, open_store
from shared.store.counting import CountingStore

JWT_SECRET = "j" * 8 + "-test-only-" + "wt" * 16
SERVICE_TOKEN = "s" * 8 + "-test-only-" + "vc" * 16


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def token(user: str = "anna", *, role: str = "user", **claims: Any) -> str:
    now = SystemClock().now()
    body = {"sub": user, "name": user.title(), "role": role, "iat": now, "exp": now + 600}
    return jwt.encode(body | {"jti": f"jti-{user}"} | claims, JWT_SECRET, algorithm="HS256")


@dataclass
class Outage:
    """A store that can be away for a while."""

    store: Store
    away: bool = False

    def begin(self) -> None:
        self.away = True

    def end(self) -> None:
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("test")

    async def get(self, key: Key) -> Item | None:
        self._check()
        return await self.store.get(key)

    async def query(self, table: str, pk: str, **options: Any) -> Sequence[Row]:
        self._check()
        return await self.store.query(table, pk, **options)

    async def write(self, *writes: Write) -> None:
        self._check()
        await self.store.write(*writes)

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        self._check()
        return await self.store.add(key, attribute, amount)


@dataclass
class Platform:
    """A running brain with its rehearsal models."""

    brain: Brain
    store: CountingStore
    outage: Outage
    rehearsal: Rehearsal
    url: str

    @asynccontextmanager
    async def person(self, user: str = "anna", **claims: Any) -> AsyncIterator[Client]:
        async with self.connect("/ws/chat", token(user, **claims)) as client:
            yield client

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Client]:
        async with self.connect("/ws/discord", SERVICE_TOKEN) as client:
            yield client

    def connect(
        self, path: str, bearer: str, **options: Any
    ) -> AbstractAsyncContextManager[Client]:
        return connected(self.url, path, bearer, **options)

    def token(self, user: str, **claims: Any) -> str:
        return token(user, **claims)

    def http(self, bearer: str = SERVICE_TOKEN) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=LIMIT_SECONDS)


Start = Callable[..., AbstractAsyncContextManager[Platform]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """`async with start(queue_workers=2) as platform`; the same store for every start of a test."""

    @asynccontextmanager
    async def starting(
        *, speed: float = 50.0, script: Script | None = None, **overrides: Any
    ) -> AsyncIterator[Platform]:
        rehearsal = Rehearsal(script, speed=speed)
        async with rehearsing(rehearsal, ollama_port=0, openai_port=0) as servers:
            settings = settings_for(
                tmp_path,
                **{"ollama_host": servers.ollama_url, "sglang_endpoint": servers.openai_url}
                | overrides,
            )
            async with open_store(settings, tables=TABLES, clock=SystemClock()) as store:
                outage = Outage(store)
                counting = CountingStore(outage)
                async with serving(settings, counting) as (brain, url):
                    yield Platform(brain, counting, outage, servers.rehearsal, url)

    return starting


def settings_for(folder: Path, **overrides: Any) -> Settings:
    fields: dict[str, Any] = {
        "store_url": f"sqlite:///{folder}/trollama.db",
        "jwt_secret_key": JWT_SECRET,
        "service_token": SERVICE_TOKEN,
        "auth_url": "http://127.0.0.1:9",  # nobody there: unlinked people stay who they are
        "brain_port": 0,
        "search_url": "http://127.0.0.1:9",  # nobody there either: no test searches the internet
    }
    return Settings(_env_file=None, **fields | overrides)


@asynccontextmanager
async def serving(settings: Settings, store: Store) -> AsyncIterator[tuple[Brain, str]]:
    async with running(settings, store=store) as brain:
        config = uvicorn.Config(
            create_app(brain),
            host="127.0.0.1",
            port=0,
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_BYTES,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server._serve)
            while not server.started:
                await anyio.sleep(0.005)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield brain, f"http://127.0.0.1:{port}"
            server.should_exit = True


@pytest.fixture
async def platform(start: Start) -> AsyncIterator[Platform]:
    async with start() as platform:
        yield platform
