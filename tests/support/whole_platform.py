"""Auth, brain and rehearsal models in this process on real ports, as people meet them."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx
import uvicorn
from fastapi import FastAPI

import auth.config
import auth.main
import auth.wiring
import brain.config
import brain.main
import brain.wiring
from rehearsal import Rehearsal
from rehearsal import running as rehearsing
from shared.protocol import MAX_FRAME_BYTES

SECRETS: dict[str, Any] = {
    "jwt_secret_key": "jwt-" + "k9" * 20,
    "service_token": "svc-" + "t7" * 20,
}
SERVICE_TOKEN: str = SECRETS["service_token"]
PASSWORD = "lovelace 1815"
SMALL = {"model": "rnj-1:8b"}
NOBODY = "http://127.0.0.1:9"


@dataclass
class Platform:
    """The services' addresses, and what anybody can do with them."""

    auth_url: str
    brain_url: str
    http: httpx.AsyncClient
    auth: auth.wiring.Auth
    apps: dict[str, FastAPI] = field(default_factory=dict)
    brain: Any = None

    def url(self, service: str) -> str:
        return {"auth": self.auth_url, "brain": self.brain_url}[service]

    async def sign_up(self, name: str = "") -> "Somebody":
        """Somebody new with a sign-in."""
        name = name or f"p{uuid4().hex[:12]}"
        person = {"username": name, "password": PASSWORD}
        url = f"{self.auth_url}/register"
        made = await self.http.post(url, json=person, headers=_from_somewhere())
        assert made.status_code == 201, made.text
        return Somebody(self, name, made.json()["user_id"], await self.log_in(name))

    async def log_in(self, name: str) -> str:
        person = {"username": name, "password": PASSWORD}
        answer = await self.http.post(f"{self.auth_url}/login", json=person)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def admin(self) -> "Somebody":
        person = await self.sign_up()
        user = await self.auth.accounts.find(person.name)
        assert user is not None
        await self.auth.accounts.promote(user, display_name=None, email=None)
        person.token = await self.log_in(person.name)
        return person


@dataclass
class Somebody:
    """A person with what is theirs, made when it is first looked at."""

    platform: Platform
    name: str
    user_id: str
    token: str
    conversation_id: str = "mine"
    _made: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def call(self, service: str, verb: str, path: str, **more: Any) -> httpx.Response:
        url = self.platform.url(service) + path
        return await self.platform.http.request(verb, url, headers=self.headers, **more)

    async def request_id(self) -> str:
        """A question of theirs that was answered, in their conversation."""
        return await self._once("request_id", self._ask)

    async def file_id(self) -> str:
        """A file they sent."""
        return await self._once("file_id", self._upload)

    async def key(self) -> str:
        """An API key of theirs."""
        await self._once("key_id", self._make_key)
        return self._made["key"]

    async def key_id(self) -> str:
        """The id of that key."""
        return await self._once("key_id", self._make_key)

    async def identity(self) -> str:
        """A Discord account linked with theirs."""
        return await self._once("identity", self._link)

    async def link_code(self) -> str:
        """A code that links whoever redeems it with their account."""
        return str((await self.call("auth", "POST", "/link/code")).json()["code"])

    async def _once(self, what: str, make: Any) -> str:
        if what not in self._made:
            self._made[what] = await make()
        return self._made[what]

    async def _ask(self) -> str:
        body = {"conversation_id": self.conversation_id, "text": "What is 2 + 3?", "options": SMALL}
        asked = await self.call("brain", "POST", "/api/discord/message", json=body)
        assert asked.status_code == 202, asked.text
        request_id = str(asked.json()["request_id"])
        with anyio.fail_after(30):
            while True:
                path = f"/api/discord/status/{request_id}"
                state = (await self.call("brain", "GET", path)).json()
                if state["status"] not in ("queued", "running"):
                    assert state["status"] == "done", state
                    return request_id
                await anyio.sleep(0.02)

    async def _upload(self) -> str:
        sent = {"file": ("notes.txt", b"my own notes")}
        answer = await self.call("brain", "POST", "/api/files", files=sent)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["file_id"])

    async def _make_key(self) -> str:
        made = (await self.call("auth", "POST", "/keys", json={"name": "laptop"})).json()
        self._made["key"] = made["key"]
        return str(made["id"])

    async def _link(self) -> str:
        identity = str(uuid4().int % 10**18)
        body = {
            "code": await self.link_code(), "provider": "discord", "provider_user_id": identity,
        }  # fmt: skip
        service = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
        url = f"{self.platform.auth_url}/link/redeem"
        answer = await self.platform.http.post(url, json=body, headers=service)
        assert answer.status_code == 200, answer.text
        return identity


@asynccontextmanager
async def signing_up(folder: Path, **changed: Any) -> AsyncIterator[Platform]:
    """Auth alone, in front of a brain that `with_brain` may start."""
    port = _free_port()
    settings = auth.config.Settings(
        _env_file=None,
        **SECRETS,
        store_url=f"sqlite:///{folder / 'trollama.db'}",
        bcrypt_cost=4,
        brain_url=f"http://127.0.0.1:{port}",
        **changed,
    )
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(auth.wiring.running(settings))
        app = auth.main.create_app(parts)
        url = await stack.enter_async_context(serving(app, 0))
        limits = httpx.Limits(max_connections=None)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=30, limits=limits))
        yield Platform(url, f"http://127.0.0.1:{port}", http, parts, {"auth": app})


@asynccontextmanager
async def with_brain(platform: Platform, folder: Path, **changed: Any) -> AsyncIterator[None]:
    """The brain and its models, beside an auth service that is there already."""
    async with AsyncExitStack() as stack:
        played = Rehearsal(speed=50)
        servers = await stack.enter_async_context(rehearsing(played, ollama_port=0, openai_port=0))
        settings = brain.config.Settings(
            _env_file=None,
            **SECRETS,
            store_url=f"sqlite:///{folder / 'trollama.db'}",
            auth_url=platform.auth_url,
            ollama_host=servers.ollama_url,
            search_url=NOBODY,
            vram_profile="conservative",
            **changed,
        )
        platform.brain = await stack.enter_async_context(brain.wiring.running(settings))
        app = brain.main.create_app(platform.brain)
        platform.apps["brain"] = app
        await stack.enter_async_context(serving(app, int(platform.brain_url.rpartition(":")[2])))
        yield


@asynccontextmanager
async def whole_platform(folder: Path, **changed: Any) -> AsyncIterator[Platform]:
    """Everything, with settings of the brain."""
    async with signing_up(folder) as platform, with_brain(platform, folder, **changed):
        yield platform


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[str]:
    """The application on a port (0: a free one) of the loopback address, and its URL."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, ws="websockets-sansio", ws_max_size=MAX_FRAME_BYTES,
        lifespan="off", log_config=None, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server._serve)
        while not server.started:
            await anyio.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True


def _from_somewhere() -> dict[str, str]:
    """Headers with which a call counts as one from an address of its own."""
    address = str(IPv4Address(int(IPv4Address("10.0.0.0")) + uuid4().int % 2**24))
    return {"X-Service-Token": SERVICE_TOKEN, "X-Client-Address": address}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
