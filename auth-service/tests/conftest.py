"""The auth service on a real port with a real store; only time stands still until it is moved."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from auth.config import Settings
from auth.main import create_app
from auth.wiring import Auth, opened
from shared.clock import ManualClock

JWT_SECRET = "only-for-tests-" + "jw" * 16
SERVICE_TOKEN = "only-for-tests-" + "sv" * 16
PASSWORD = "lovelace 1815"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Service:
    """A running service and a client of it."""

    auth: Auth
    http: httpx.AsyncClient
    clock: ManualClock
    secret: str = JWT_SECRET
    password: str = PASSWORD

    async def register(self, username: str, **fields: Any) -> httpx.Response:
        body = {"username": username, "password": PASSWORD} | fields
        return await self.http.post("/register", json=body)

    async def login(self, username: str, password: str = PASSWORD) -> httpx.Response:
        body = {"username": username, "password": password}
        return await self.http.post("/login", json=body)

    async def token(self, username: str) -> str:
        """The token of a person, whose account is made if need be."""
        await self.register(username)
        return str((await self.login(username)).json()["access_token"])

    async def user_id(self, username: str) -> str:
        user = await self.auth.accounts.find(username)
        assert user is not None
        return user.user_id

    async def admin_token(self) -> str:
        await self.register("boss")
        user = await self.auth.accounts.find("boss")
        assert user is not None
        await self.auth.accounts.promote(user, display_name=None, email=None)
        return await self.token("boss")

    async def link_code(self, token: str) -> str:
        return str((await self.http.post("/link/code", headers=bearer(token))).json()["code"])

    async def redeem(self, code: str, identity: str = "1042", **fields: Any) -> httpx.Response:
        body = {"code": code, "provider": "discord", "provider_user_id": identity} | fields
        return await self.http.post("/link/redeem", json=body, headers=self.as_service)

    async def me(self, token: str) -> httpx.Response:
        return await self.http.get("/me", headers=bearer(token))

    @property
    def as_service(self) -> dict[str, str]:
        return bearer(SERVICE_TOKEN)

    def as_person(self, token: str) -> dict[str, str]:
        return bearer(token)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


Serve = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Starts the service with given settings, on a free port."""

    @asynccontextmanager
    async def serving(**changed: Any) -> AsyncIterator[Service]:
        given: dict[str, Any] = {
            "jwt_secret_key": JWT_SECRET,
            "service_token": SERVICE_TOKEN,
            "store_url": f"sqlite:///{tmp_path / 'trollama.db'}",
            "bcrypt_cost": 4,
            "brain_url": "http://127.0.0.1:9",  # nobody there: no test reaches a real brain
        }
        settings = Settings(_env_file=None, **(given | changed))
        clock = ManualClock()
        async with opened(settings, clock=clock) as auth, _listening(create_app(auth)) as address:
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=address, limits=limits, timeout=30) as http:
                yield Service(auth, http, clock)

    return serving


@asynccontextmanager
async def _listening(app: Any) -> AsyncIterator[str]:
    """
    A real server without its main loop: that wakes every 0.1 s, and so does
    `anyio.wait_all_tasks_blocked`, which then may never find it asleep.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=512) as door:
        config = uvicorn.Config(
            app, ws="none", lifespan="off", log_config=None, proxy_headers=False
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[door])
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            for listening in server.servers:
                listening.close()
                await listening.wait_closed()


@pytest.fixture
def listening() -> Callable[[Any], AbstractAsyncContextManager[str]]:
    """Serves another application, a stand-in, and gives its address."""
    return _listening


@pytest.fixture
async def service(serve: Serve) -> AsyncIterator[Service]:
    async with serve() as running_service:
        yield running_service


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])
