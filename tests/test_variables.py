"""
Every variable of `.env.example` changes what it says it changes: one case each, none left out.

A case sets variables in the environment, never fields of an object, so that name, parsing and
wiring are shown together. Most run the service in this process with rehearsal models; what is only
decided when a process starts is shown by a process.
"""

import hmac
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import httpx
import jwt
import pytest
import uvicorn
from aiohttp import web
from fastapi import FastAPI

import admin.config
import auth.config
import auth.main
import auth.wiring
import bot.config
import brain.config
import brain.main
import brain.wiring
import logsink.config
from admin.cli.logins import login_file
from admin.containers.plan import Plan
from admin.containers.up import published
from admin.local.programs import programs
from bot.client import Refused
from bot.wiring import assembled
from brain.catalogue.profile import ProfileError
from brain.chat.admission import Caller
from brain.vram.servers_file import ServersFileError
from chat_client import Client, connected
from logsink.files import day_of
from logsink.main import Sink
from rehearsal import Rehearsal, playing_discord
from rehearsal import running as rehearsing
from rehearsal.discord import Channel, Discord, Message, Rules
from rehearsal.discord.world import Role
from rehearsal.faults import Fault
from shared.clock import Clock, ManualClock, SystemClock
from shared.errors import StoreUnavailable
from shared.protocol import MAX_FRAME_BYTES, Ask
from shared.store import Key, open_store
from trapped_web import topic, trapped_web

ROOT = Path(__file__).resolve().parents[1]
SECRETS = {"JWT_SECRET_KEY": "jwt-" + "k9" * 20, "SERVICE_TOKEN": "svc-" + "t7" * 20}
Variables = Mapping[str, str | None]
OTHER_SECRET = "other-" + "z3" * 20
NOBODY = "http://127.0.0.1:9"
SMALL = {"model": "rnj-1:8b"}
UNCLEAR = "the tall one over there, you know which"
"""A question whose route only the router model could tell."""


# ------------------------------------------------------------------ the stage of the cases


@dataclass
class Running:
    """A brain or an auth service that answers, and the models it speaks with."""

    url: str
    parts: Any
    rehearsal: Rehearsal | None = None

    def token(self, user: str = "anna", *, secret: str = "", **claims: Any) -> str:
        now = SystemClock().now()
        body = {"sub": user, "name": user, "role": "user", "iat": now, "exp": now + 600, "jti": "1"}
        return jwt.encode(body | claims, secret or SECRETS["JWT_SECRET_KEY"], algorithm="HS256")

    def http(self, bearer: str = "", **headers: str) -> httpx.AsyncClient:
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    async def post(self, path: str, bearer: str, body: object = None) -> httpx.Response:
        async with self.http(bearer) as http:
            return await http.post(path, json=body)

    @asynccontextmanager
    async def person(self, user: str = "anna", **claims: Any) -> AsyncIterator[Client]:
        async with connected(self.url, "/ws/chat", self.token(user, **claims)) as client:
            await client.hello(user)
            yield client

    async def answer(self, text: str = "hello", **claims: Any) -> dict[str, Any]:
        """The end frame of one question to a small model."""
        async with self.person(**claims) as client:
            return await client.end_of(await client.ask(text, options=SMALL))

    def break_models(self, *faults: Fault) -> None:
        assert self.rehearsal is not None
        self.rehearsal.faults.add(list(faults))


@dataclass
class Stage:
    """Where a case plays: a folder of its own and the environment it sets."""

    folder: Path
    patch: pytest.MonkeyPatch

    @contextmanager
    def environment(self, variables: Variables) -> Iterator[None]:
        """These variables (None: unset) and nothing of `.env` or the shell's."""
        with self.patch.context() as patch:
            for name in listed():
                patch.delenv(name, raising=False)
            for name, value in {**SECRETS, **variables}.items():
                if value is not None:
                    patch.setenv(name, value)
            yield

    def settings(self, service: Any, **variables: str | None) -> Any:
        with self.environment(dict(variables)):
            return service.config.Settings(_env_file=None)

    @asynccontextmanager
    async def brain(
        self,
        variables: Variables | None = None,
        *,
        speed: float = 50.0,
        clock: Clock | None = None,
        listening: bool = True,
        **more: str | None,
    ) -> AsyncIterator[Running]:
        rehearsal = Rehearsal(speed=speed)
        async with rehearsing(rehearsal, ollama_port=0, openai_port=0) as servers:
            given: dict[str, str | None] = {
                "STORE_URL": f"sqlite:///{self.folder}/trollama.db",
                "AUTH_URL": NOBODY,
                "SEARCH_URL": NOBODY,
                "VRAM_PROFILE": "conservative",
                "OLLAMA_HOST": servers.ollama_url,
            }
            given |= {
                name: value.replace("{openai}", servers.openai_url) if value else value
                for name, value in {**(variables or {}), **more}.items()
            }
            settings = self.settings(brain, **given)
            async with brain.wiring.running(settings, clock=clock) as parts:
                if not listening:
                    yield Running("", parts, rehearsal)
                    return
                async with serving(brain.main.create_app(parts)) as url:
                    yield Running(url, parts, rehearsal)

    @asynccontextmanager
    async def auth(self, **variables: str | None) -> AsyncIterator[Running]:
        given = {"STORE_URL": f"sqlite:///{self.folder}/auth.db", "BCRYPT_COST": "4"}
        settings = self.settings(auth, **given | variables)
        async with (
            auth.wiring.running(settings) as parts,
            serving(auth.main.create_app(parts)) as url,
        ):
            yield Running(url, parts)

    async def process(self, module: str, *, live: str, **variables: str) -> str:
        """Run `python -m module` until `live` answers; what it has written by then."""
        with self.environment(dict(variables)):
            environment = dict(os.environ)
        log = self.folder / f"{module}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: ASYNC220 - it does not wait
                [sys.executable, "-m", module],
                cwd=self.folder, env=environment, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            deadline = monotonic() + 30
            async with httpx.AsyncClient() as http:
                while True:
                    assert process.poll() is None, log.read_text()
                    assert monotonic() < deadline, log.read_text()
                    try:
                        assert (await http.get(live)).status_code == 200
                        break
                    except httpx.HTTPError:
                        await anyio.sleep(0.05)
        finally:
            process.terminate()
            await anyio.to_thread.run_sync(process.wait)
        return log.read_text()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, ws="websockets-sansio", ws_max_size=MAX_FRAME_BYTES,
        lifespan="off", log_config=None, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server._serve)
        while not server.started:
            await anyio.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listed() -> list[str]:
    """The variables of `.env.example`."""
    text = (ROOT / ".env.example").read_text()
    return re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)


Case = Callable[[Stage], Awaitable[None]]
CASES: dict[Case, tuple[str, ...]] = {}


def shows(*names: str) -> Callable[[Case], Case]:
    """Marks the case of these variables."""

    def note(case: Case) -> Case:
        CASES[case] = names
        return case

    return note


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


# ------------------------------------------------------------------ secrets, addresses, the store


@shows("JWT_SECRET_KEY", "SERVICE_TOKEN")
async def _secrets(stage: Stage) -> None:
    variables = {"JWT_SECRET_KEY": OTHER_SECRET, "SERVICE_TOKEN": OTHER_SECRET + "s"}
    async with stage.brain(variables) as running:

        async def status_with(bearer: str) -> int:
            async with running.http(bearer) as http:
                return (await http.get("/api/discord/status/none")).status_code

        assert await status_with(running.token()) == 401
        assert await status_with(running.token(secret=OTHER_SECRET)) == 404
        assert await status_with(SECRETS["SERVICE_TOKEN"]) == 401
        assert await status_with(OTHER_SECRET + "s") == 404


@shows("BIND_ADDRESS", "AUTH_PORT")
async def _auth_address(stage: Stage) -> None:
    port = free_port()
    await stage.process(
        "auth",
        live=f"http://127.0.0.2:{port}/health/live",
        BIND_ADDRESS="127.0.0.2",
        AUTH_PORT=f"{port}",
        STORE_URL="sqlite:///auth.db",
    )


@shows("LISTEN_ADDRESS")
async def _listen_address(stage: Stage) -> None:
    port = free_port()
    await stage.process(
        "auth",
        live=f"http://127.0.0.3:{port}/health/live",
        BIND_ADDRESS="127.0.0.2",
        LISTEN_ADDRESS="127.0.0.3",
        AUTH_PORT=f"{port}",
        STORE_URL="sqlite:///auth.db",
    )


@shows("BRAIN_PORT", "LOG_LEVEL")
async def _brain_process(stage: Stage) -> None:
    for level, complains in (("WARNING", True), ("ERROR", False)):
        port = free_port()
        written = await stage.process(
            "brain",
            live=f"http://127.0.0.1:{port}/health/live",
            BRAIN_PORT=f"{port}",
            LOG_LEVEL=level,
            STORE_URL="sqlite:///brain.db",
            AUTH_URL=NOBODY,
            OLLAMA_HOST=NOBODY,
        )
        assert ('"level":"warning"' in written) is complains, written
        assert '"level":"info"' not in written


@shows("STORE_URL")
async def _store_url(stage: Stage) -> None:
    file = stage.folder / "elsewhere" / "kept.db"
    async with stage.auth(STORE_URL=f"sqlite:///{file}") as running, running.http() as http:
        await http.post("/register", json={"username": "anna", "password": "lovelace 1815"})
    assert b"anna" in b"".join(path.read_bytes() for path in file.parent.iterdir())


@shows("DYNAMODB_ENDPOINT", "DYNAMODB_REGION", "DYNAMODB_ACCESS_KEY", "DYNAMODB_SECRET_KEY")
async def _dynamodb(stage: Stage) -> None:
    heard: list[tuple[dict[str, str], bytes]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        return web.Response(status=400, body=b"{}")

    app = web.Application()
    app.router.add_post("/", hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = stage.settings(
        auth,
        STORE_URL="dynamodb:",
        DYNAMODB_ENDPOINT=f"http://127.0.0.1:{runner.addresses[0][1]}",
        DYNAMODB_REGION="eu-west-3",
        DYNAMODB_ACCESS_KEY="AKIATEST",
        DYNAMODB_SECRET_KEY="a-secret-of-its-own",
    )
    async with open_store(settings, tables=("users",), clock=SystemClock()) as store:
        with pytest.raises(StoreUnavailable):
            await store.get(Key("users", "anna", "profile"))
    await runner.cleanup()
    headers, body = heard[0]
    day = headers["x-amz-date"][:8]
    assert f"Credential=AKIATEST/{day}/eu-west-3/dynamodb/aws4_request" in headers["authorization"]
    signature = aws_signature("a-secret-of-its-own", "eu-west-3", headers, body)
    assert headers["authorization"].endswith(f"Signature={signature}")


def aws_signature(secret: str, region: str, headers: dict[str, str], body: bytes) -> str:
    """Signature Version 4 of a POST to `/` (AWS General Reference, "Create a signed request")."""
    found = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])
    assert found is not None
    names = found[1].split(";")
    lines = [f"{name}:{headers[name].strip()}" for name in names]
    request = "\n".join(["POST", "/", "", *lines, "", found[1], sha256(body).hexdigest()])
    at = headers["x-amz-date"]
    scope = [at[:8], region, "dynamodb", "aws4_request"]
    text = ["AWS4-HMAC-SHA256", at, "/".join(scope), sha256(request.encode()).hexdigest()]
    key = b"AWS4" + secret.encode()
    for part in [*scope, "\n".join(text)]:
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


@shows("ALLOWED_ORIGINS")
async def _allowed_origins(stage: Stage) -> None:
    page = "https://chat.example.org"
    for allowed in (page, "https://other.example.org"):
        variables = {"ALLOWED_ORIGINS": f"{allowed}, http://127.0.0.1:1"}
        async with stage.brain(variables) as running, running.http(Origin=page) as http:
            answer = await http.get("/health/live")
        granted = answer.headers.get("access-control-allow-origin")
        assert granted == (page if allowed == page else None)


@shows("AUTH_URL")
async def _auth_url(stage: Stage) -> None:
    async with stage.auth() as people, people.http() as http:
        person = {"username": "anna", "password": "lovelace 1815"}
        await http.post("/register", json=person)
        token = (await http.post("/login", json=person)).json()["access_token"]
        code = (await people.post("/link/code", token)).json()["code"]
        link = {"code": code, "provider": "discord", "provider_user_id": "1042"}
        linked = await people.post("/link/redeem", SECRETS["SERVICE_TOKEN"], link)
        async with (
            stage.brain(AUTH_URL=people.url) as running,
            connected(running.url, "/ws/discord", SECRETS["SERVICE_TOKEN"]) as bot,
        ):
            await bot.hello("bot")
            await bot.end_of(await bot.ask("hello", user_id="1042", options=SMALL))
            mine = f"of#{linked.json()['user_id']}"
            assert await running.parts.store.query("conversations", mine)


# ------------------------------------------------------------------ logs


@asynccontextmanager
async def log_server(stage: Stage, **variables: str) -> AsyncIterator[tuple[Path, dict[str, int]]]:
    """A log server with these variables: its folder and its ports."""
    given = {"LOGGING_PORT": "0", "LOGGING_HEALTH_PORT": "0", "LOG_DIR": f"{stage.folder}/logs"}
    settings = stage.settings(logsink, **given | variables)
    async with Sink(settings, clock=SystemClock()).serving() as ports:
        yield settings.log_dir, ports


async def hand_in(ports: Mapping[str, int], *events: str) -> None:
    """Records of 100 bytes; return when they are in the files."""
    async with await anyio.connect_tcp("127.0.0.1", ports["records"]) as sender:
        for number, event in enumerate(events, 1):
            record = {"level": "info", "event": event, "log_sender": "s", "log_number": number}
            line = json.dumps(record, separators=(",", ":"))
            await sender.send(line.replace('"event"', f'"pad":"{"x" * (90 - len(line))}","event"')
                              .encode() + b"\n")  # fmt: skip
            assert await sender.receive() == b'{"written":%d}\n' % number


def all_logs(folder: Path) -> dict[str, str]:
    """The log files by name, of all days."""
    return {path.name: path.read_text() for path in folder.glob("*/*.log*")}


@shows("LOGGING_HOST", "LOGGING_PORT")
async def _log_server_address(stage: Stage) -> None:
    async with log_server(stage) as (folder, ports):
        for host, told in ((None, False), ("127.0.0.1", True)):
            port = free_port()
            server = {} if host is None else {"LOGGING_HOST": host}
            await stage.process(
                "auth",
                live=f"http://127.0.0.1:{port}/health/live",
                AUTH_PORT=f"{port}",
                STORE_URL="sqlite:///auth.db",
                LOG_LEVEL="INFO",
                LOGGING_PORT=f"{ports['records']}",
                **server,
            )
            written = "".join(all_logs(folder).values())
            assert ('"service":"auth-service"' in written) is told


@shows("LOGGING_HEALTH_PORT", "LOG_DIR")
async def _log_server_process(stage: Stage) -> None:
    port = free_port()
    await stage.process(
        "logsink",
        live=f"http://127.0.0.1:{port}/health/live",
        LOGGING_PORT="0",
        LOGGING_HEALTH_PORT=f"{port}",
        LOG_DIR="elsewhere",
    )
    assert "sink.started" in all_logs(stage.folder / "elsewhere")["app.log"]


@shows("LOG_MAX_BYTES")
async def _log_max_bytes(stage: Stage) -> None:
    for limit, files in (("250", {"app.log", "app.log.1"}), ("0", {"app.log"})):
        folder = f"{stage.folder}/{limit}"
        async with log_server(stage, LOG_MAX_BYTES=limit, LOG_DIR=folder) as (logs, ports):
            await hand_in(ports, "one", "two", "three")
            assert set(all_logs(logs)) == files
            assert all(limit == "0" or len(text) <= 250 for text in all_logs(logs).values())


@shows("LOG_BACKUP_COUNT")
async def _log_backup_count(stage: Stage) -> None:
    for count in (1, 3):
        folder = f"{stage.folder}/{count}"
        variables = {"LOG_MAX_BYTES": "100", "LOG_BACKUP_COUNT": f"{count}", "LOG_DIR": folder}
        async with log_server(stage, **variables) as (logs, ports):
            await hand_in(ports, *(f"number {n}" for n in range(6)))
            assert len(all_logs(logs)) == 1 + count
            assert "number 5" in all_logs(logs)["app.log"]
            assert "number 4" in all_logs(logs)["app.log.1"]


@shows("LOG_RETENTION_DAYS", "LOG_CLEANUP_INTERVAL_HOURS")
async def _log_retention(stage: Stage) -> None:
    now = SystemClock().now()
    for days, hours in (("2", "6"), ("4", "0.5")):
        folder = stage.folder / days
        clock = ManualClock(now)
        variables = {"LOG_RETENTION_DAYS": days, "LOG_CLEANUP_INTERVAL_HOURS": hours}
        settings = stage.settings(
            logsink, LOG_DIR=f"{folder}", LOGGING_PORT="0", LOGGING_HEALTH_PORT="0", **variables
        )
        sink = Sink(settings, clock=clock)
        async with sink.serving():
            with anyio.fail_after(5):
                while sink.cleanup.last_at is None:
                    await anyio.sleep(0.01)
            await clock.advance(0)
            old = [folder / day_of(now - back * 86_400) for back in (1, 3, 6)]
            for day in old:
                day.mkdir()
                (day / "app.log").touch()
            await clock.advance(float(hours) * 3600 - 10)
            assert all(day.exists() for day in old)
            await clock.advance(10)
            with anyio.fail_after(5):
                while old[2].exists():
                    await anyio.sleep(0.01)
            assert [day.exists() for day in old] == [True, days == "4", False]


# ------------------------------------------------------------------ sign-in


@shows("JWT_EXPIRATION_HOURS")
async def _jwt_expiration_hours(stage: Stage) -> None:
    async with stage.auth(JWT_EXPIRATION_HOURS="0.5") as running, running.http() as http:
        person = {"username": "anna", "password": "lovelace 1815"}
        await http.post("/register", json=person)
        answer = (await http.post("/login", json=person)).json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == 1800


@shows("BCRYPT_COST")
async def _bcrypt_cost(stage: Stage) -> None:
    async with stage.auth(BCRYPT_COST="5") as running, running.http() as http:
        await http.post("/register", json={"username": "anna", "password": "lovelace 1815"})
    stored = b"".join(path.read_bytes() for path in stage.folder.glob("auth.db*"))
    assert set(re.findall(rb"\$2b\$(\d\d)\$", stored)) == {b"05"}


@shows("REGISTRATION")
async def _registration(stage: Stage) -> None:
    person = {"username": "anna", "password": "lovelace 1815"}
    for registration, status in (("closed", 403), ("open", 201)):
        async with stage.auth(REGISTRATION=registration) as running, running.http() as http:
            assert (await http.post("/register", json=person)).status_code == status


@shows("DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET", "AUTH_PUBLIC_URL")
async def _discord_sign_in(stage: Stage) -> None:
    given = {
        "DISCORD_CLIENT_ID": "4711",
        "DISCORD_CLIENT_SECRET": "from-discord",
        "AUTH_PUBLIC_URL": "https://chat.example.org/auth",
    }
    asked = {"return_to": "http://localhost:8501/", "challenge": "c" * 43}
    async with stage.auth(**given) as running, running.http() as http:
        answer = await http.get("/oauth/discord/start", params=asked)
    location = answer.headers["location"]
    assert "client_id=4711" in location
    assert "https%3A%2F%2Fchat.example.org%2Fauth%2Foauth%2Fdiscord%2Fcallback" in location
    assert "from-discord" not in location
    async with stage.auth() as running, running.http() as http:
        assert (await http.get("/oauth/discord/start", params=asked)).status_code == 404
    with pytest.raises(ValueError, match="set both or neither"):
        stage.settings(auth, DISCORD_CLIENT_ID="4711")


@shows("CLI_LOGIN_FILE")
async def _cli_login_file(stage: Stage) -> None:
    chosen = stage.folder / "login.json"
    assert login_file(stage.settings(admin, CLI_LOGIN_FILE=f"{chosen}")) == chosen
    assert login_file(stage.settings(admin)) != chosen


@shows("BRAIN_URL")
async def _brain_url(stage: Stage) -> None:
    there = stage.settings(admin, BRAIN_URL="http://box:1234/", BRAIN_PORT="9000")
    assert there.brain_address == "http://box:1234"
    assert stage.settings(admin, BRAIN_PORT="9000").brain_address == "http://127.0.0.1:9000"


@shows("REHEARSAL_OLLAMA_PORT", "REHEARSAL_OPENAI_PORT", "REHEARSAL_DISCORD_PORT")
async def _rehearsal_ports(stage: Stage) -> None:
    ports = {"REHEARSAL_OLLAMA_PORT": "12500", "REHEARSAL_OPENAI_PORT": "12501"}
    ports["REHEARSAL_DISCORD_PORT"] = "12502"
    started = {one.name: one for one in programs(stage.settings(admin, **ports), rehearsal=True)}
    assert started["rehearsal"].ports == (12500, 12501, 12502)
    assert started["brain"].environment["OLLAMA_HOST"] == "http://127.0.0.1:12500"
    assert started["brain"].environment["SGLANG_ENDPOINT"] == "http://127.0.0.1:12501"


@shows("DYNAMODB_PORT", "SGLANG_PORT")
async def _container_ports(stage: Stage) -> None:
    settings = stage.settings(admin, DYNAMODB_PORT="18000", SGLANG_PORT="31000")
    ports = published(settings, Plan(rehearsal=False, profiles=("performance",)))
    assert (ports["dynamodb-local"], ports["sglang-server"]) == (18000, 31000)
    for name in ("docker-compose.infra.yml", "docker-compose.app.yml"):
        text = (ROOT / name).read_text()
        assert ("${DYNAMODB_PORT:-8000}:8000" in text) is (name == "docker-compose.infra.yml")
        assert ("${SGLANG_PORT:-30000}:30000" in text) is (name == "docker-compose.app.yml")


# ------------------------------------------------------------------ models and memory


@shows("OLLAMA_HOST")
async def _ollama_host(stage: Stage) -> None:
    async with stage.brain() as running:
        assert (await running.answer())["type"] == "done"
    async with stage.brain(OLLAMA_HOST=NOBODY, BACKEND_WAIT_SECONDS="0") as running:
        failed = await running.answer()
    assert failed["message"].startswith(f"Failed to connect to Ollama at {NOBODY}")


@shows("SGLANG_ENDPOINT")
async def _sglang_endpoint(stage: Stage) -> None:
    async with stage.brain(SGLANG_ENDPOINT=None) as running:
        alone = set(running.parts.vram.available())
    async with stage.brain(SGLANG_ENDPOINT="{openai}") as running, running.person() as client:
        model = min(set(running.parts.vram.available()) - alone)
        done = await client.end_of(await client.ask("hello", options={"model": model}))
    assert (done["type"], done["model"]) == ("done", model)


@shows("OLLAMA_DEFAULT_MODEL")
async def _ollama_default_model(stage: Stage) -> None:
    for model in ("rnj-1:8b", "ministral-3:14b"):
        async with stage.brain(OLLAMA_DEFAULT_MODEL=model) as running, running.person() as client:
            done = await client.end_of(await client.ask("hello!", conversation_id=model))
        assert (done["route"], done["model"]) == ("general", model)
    # Choosing a route fails, and another model is in memory.
    given = {"OLLAMA_DEFAULT_MODEL": "rnj-1:8b", "ROUTER_DEADLINE_SECONDS": "0.3"}
    async with stage.brain(given) as running, running.person() as client:
        running.break_models(Fault(kind="hang", model="gpt-oss:20b"))
        done = await client.end_of(await client.ask(UNCLEAR, conversation_id="unclear"))
    assert (done["route"], done["model"]) == ("general", "rnj-1:8b")
    assert "default route" in done["why"]


@shows("ROUTER_DEADLINE_SECONDS")
async def _router_deadline(stage: Stage) -> None:
    async with stage.brain(ROUTER_DEADLINE_SECONDS="0.4") as running, running.person() as client:
        running.break_models(Fault(kind="hang", model="gpt-oss:20b"))
        done = await client.end_of(await client.ask(UNCLEAR))
    assert "within 0.4 s" in done["why"]


@shows("VRAM_PROFILE")
async def _vram_profile(stage: Stage) -> None:
    assert await _limit_gb(stage, VRAM_PROFILE="conservative") == 14.0
    assert await _limit_gb(stage, VRAM_PROFILE="balanced") == 110.0
    with pytest.raises(ProfileError, match="Failed to load configuration profile 'huge'"):
        await _limit_gb(stage, VRAM_PROFILE="huge")


@shows("MEMINFO_FILE")
async def _meminfo_file(stage: Stage) -> None:
    meminfo = stage.folder / "meminfo"
    for total_kib, limit_gb in ((16_000_000, 14.0), (97_656_250, 85.0)):
        meminfo.write_text(f"MemTotal:       {total_kib} kB\nMemFree: 1 kB\n")
        variables = {"VRAM_PROFILE": "auto", "MEMINFO_FILE": f"{meminfo}"}
        assert await _limit_gb(stage, **variables) == limit_gb


@shows("VRAM_HARD_LIMIT_GB")
async def _vram_hard_limit(stage: Stage) -> None:
    async with stage.brain(VRAM_SOFT_LIMIT_GB="4", VRAM_HARD_LIMIT_GB="4.5") as running:
        assert (await running.answer())["code"] == "vram.never_fits"


@shows("VRAM_SOFT_LIMIT_GB")
async def _vram_soft_limit(stage: Stage) -> None:
    async with stage.brain(VRAM_SOFT_LIMIT_GB="9.5") as running:
        assert running.parts.vram.status().soft_gb == 9.5


async def _limit_gb(stage: Stage, **variables: str) -> float:
    async with stage.brain(variables) as running:
        return float((await _vram(running))["limits"]["hard_gb"])


@shows("MAX_MODEL_MEMORY_GB")
async def _max_model_memory(stage: Stage) -> None:
    for limit_gb, counts in (("5", 5), ("24", 14)):
        assert await _limit_gb(stage, MAX_MODEL_MEMORY_GB=limit_gb) == counts
    async with stage.brain(MAX_MODEL_MEMORY_GB="5") as running:
        assert (await running.answer())["code"] == "vram.never_fits"


@shows("VRAM_ENABLE_ORCHESTRATOR")
async def _vram_enable_orchestrator(stage: Stage) -> None:
    tight = {"VRAM_SOFT_LIMIT_GB": "4", "VRAM_HARD_LIMIT_GB": "4.5"}
    async with stage.brain(tight, VRAM_ENABLE_ORCHESTRATOR="false") as running:
        assert (await running.answer())["type"] == "done"
        assert (await _vram(running))["orchestrator_enabled"] is False


@shows("VRAM_POLICY")
async def _vram_policy(stage: Stage) -> None:
    # The small model alone is not enough; the other alone is.
    both = ["qwen3-embedding:4b", "rnj-1:8b"]
    for policy, leave in (("lru", ["rnj-1:8b"]), ("documents", both)):
        async with stage.brain(VRAM_POLICY=policy) as running:
            for model in both:
                await _operator(running, "POST", f"load/{model}")
            plan = await _operator(running, "GET", "plan/ministral-3:14b")
        assert sorted(one["model"] for one in plan["would_evict"]) == leave


@shows("VRAM_CONSERVATIVE_MODE", "OLLAMA_KEEP_ALIVE")
async def _who_is_not_kept(stage: Stage) -> None:
    for variables, stays in (
        ({}, True),
        ({"VRAM_CONSERVATIVE_MODE": "true"}, False),
        ({"OLLAMA_KEEP_ALIVE": "0"}, False),
        ({"OLLAMA_KEEP_ALIVE": "1h30m"}, True),
    ):
        async with stage.brain(variables) as running:
            await running.answer(user=str(variables))
            assert await _is_in_memory(running, "rnj-1:8b", wanted=stays)
            if variables.get("OLLAMA_KEEP_ALIVE") == "1h30m":
                assert running.parts.settings.ollama_keep_alive == 5400


@shows("MODEL_SERVERS_FILE")
async def _model_servers_file(stage: Stage) -> None:
    file = stage.folder / "servers.json"
    file.write_text("[]")
    clock = ManualClock(SystemClock().now())
    other = Rehearsal(speed=50)
    async with (
        rehearsing(other, ollama_port=0, openai_port=0) as servers,
        stage.brain(MODEL_SERVERS_FILE=f"{file}", clock=clock, listening=False) as running,
    ):
        assert _names(running) == {"ollama"}
        row = {"name": "box", "kind": "openai", "url": f"{servers.openai_url}", "memory_gb": 84}
        file.write_text(json.dumps([row]))
        await clock.advance(3)
        with anyio.fail_after(5):
            while "gpt-oss-120b-eagle3" not in running.parts.vram.available():
                await anyio.sleep(0.01)
        assert _names(running) == {"ollama", "box"}
        file.write_text("[ ]")
        await clock.advance(3)
        with anyio.fail_after(5):
            while _names(running) != {"ollama"}:
                await anyio.sleep(0.01)
    file.write_text('[{"name": "box"}]')
    with pytest.raises(ServersFileError, match=r"server 1 .box., field kind"):
        async with stage.brain(MODEL_SERVERS_FILE=f"{file}"):
            pass


def _names(running: Running) -> set[str]:
    return {one.name for one in running.parts.vram.status().servers}


@shows("VRAM_RESERVE_GB")
async def _vram_reserve(stage: Stage) -> None:
    meminfo = _meminfo(stage, total_gb=20, available_gb=10)
    for reserve_gb, fits in (("2", True), ("6", False)):
        async with stage.brain(VRAM_RESERVE_GB=reserve_gb, MEMINFO_FILE=meminfo) as running:
            plan = await _operator(running, "GET", "plan/rnj-1:8b")
        assert plan["fits"] is fits


@shows("VRAM_PSI_WARNING_THRESHOLD", "VRAM_PSI_CRITICAL_THRESHOLD", "PRESSURE_FILE")
async def _vram_psi(stage: Stage) -> None:
    pressure = stage.folder / "pressure"
    pressure.write_text(
        "some avg10=8.00 avg60=8.00 avg300=8.00 total=8\n"
        "full avg10=8.00 avg60=8.00 avg300=8.00 total=8\n"
    )
    files = {
        "MEMINFO_FILE": _meminfo(stage, total_gb=40, available_gb=3),
        "PRESSURE_FILE": f"{pressure}",
    }
    for warning, critical, level in (("10", "15", 0), ("7", "15", 1), ("5", "7", 2)):
        clock = ManualClock(SystemClock().now())
        thresholds = {
            "VRAM_PSI_WARNING_THRESHOLD": warning,
            "VRAM_PSI_CRITICAL_THRESHOLD": critical,
        }
        async with stage.brain(files | thresholds, clock=clock, listening=False) as running:
            await clock.advance(6)
            assert running.parts.vram.status().level == level


@shows("VMSTAT_FILE")
async def _vmstat_file(stage: Stage) -> None:
    vmstat = stage.folder / "vmstat"
    vmstat.write_text("workingset_refault_file 40\npgscan_kswapd 2\npgscan_direct 1\n")
    async with stage.brain(VMSTAT_FILE=f"{vmstat}") as running:
        await _vram(running)
        assert running.parts.vram.status().memory.refaults == 43


@shows("VRAM_CRASH_THRESHOLD", "VRAM_CRASH_WINDOW_SECONDS", "VRAM_CIRCUIT_BREAKER_ENABLED")
async def _vram_breaker(stage: Stage) -> None:
    for variables, state in (
        ({}, "open"),
        ({"VRAM_CRASH_THRESHOLD": "3"}, "closed"),
        ({"VRAM_CRASH_WINDOW_SECONDS": "0.001"}, "closed"),
        ({"VRAM_CIRCUIT_BREAKER_ENABLED": "false"}, "closed"),
    ):
        async with stage.brain(variables) as running:
            await _crash(running, times=2)
            assert await _breaker_of(running, "rnj-1:8b") == state


class Jumping(SystemClock):
    """The real time, or some seconds later."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@shows("VRAM_CIRCUIT_BREAKER_BUFFER_GB")
async def _vram_breaker_buffer(stage: Stage) -> None:
    for buffer_gb, stays in (("0", True), ("20", False)):
        clock = Jumping()
        variables = {"VRAM_CIRCUIT_BREAKER_BUFFER_GB": buffer_gb, "VRAM_CRASH_THRESHOLD": "1"}
        async with stage.brain(variables, clock=clock) as running:
            await _operator(running, "POST", "load/deepseek-ocr:3b")
            await _crash(running, times=1)
            clock.ahead = 60.0
            await _operator(running, "POST", "load/rnj-1:8b")
            assert await _is_in_memory(running, "deepseek-ocr:3b", wanted=stays)


async def _crash(running: Running, *, times: int) -> None:
    running.parts.vram.clear_crashes("rnj-1:8b")  # those of the brain before are remembered
    for _ in range(times):
        running.break_models(Fault(kind="oom", model="rnj-1:8b", on="load"))
        answer = await running.post("/vram/load/rnj-1:8b", SECRETS["SERVICE_TOKEN"])
        assert answer.json()["error"]["code"] == "vram.load_failed"
        await anyio.sleep(0.01)


async def _breaker_of(running: Running, model: str) -> str:
    return str((await _vram(running))["circuit_breaker"]["models"][model]["state"])


async def _is_in_memory(running: Running, model: str, *, wanted: bool) -> bool:
    """Whether it is (not) there within two seconds."""
    deadline = monotonic() + 2
    while True:
        loaded = {one["name"] for one in (await _vram(running))["loaded_models"]}
        if (model in loaded) is wanted or monotonic() > deadline:
            return (model in loaded) is wanted
        await anyio.sleep(0.02)


async def _operator(running: Running, method: str, path: str) -> dict[str, Any]:
    async with running.http(SECRETS["SERVICE_TOKEN"]) as http:
        answer = await http.request(method, f"/vram/{path}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _vram(running: Running) -> dict[str, Any]:
    async with running.http() as http:
        answer = await http.get("/vram/status")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _meminfo(stage: Stage, *, total_gb: float, available_gb: float) -> str:
    file = stage.folder / "meminfo"
    rows = (("MemTotal", total_gb), ("MemAvailable", available_gb))
    file.write_text("".join(f"{name}: {round(gb * 1e9 / 1024)} kB\n" for name, gb in rows))
    return f"{file}"


# ------------------------------------------------------------------ the queue


@shows("MAX_QUEUE_SIZE", "QUEUE_WORKERS")
async def _queue(stage: Stage) -> None:
    variables = {"QUEUE_WORKERS": "2", "MAX_QUEUE_SIZE": "1"}
    async with stage.brain(variables, speed=1) as running, running.person() as client:
        asks = [
            await client.ask("count to 100", conversation_id=f"{number}", options=SMALL)
            for number in range(4)
        ]
        refused = await client.end_of(asks[3])
        assert (refused["code"], running.parts.queue.running_count) == ("queue.full", 2)
        assert [job.ask_id for job in running.parts.queue.waiting()] == [asks[2]]


@shows("MAX_RETRIES")
async def _max_retries(stage: Stage) -> None:
    async with stage.brain(MAX_RETRIES="2") as running:
        running.break_models(Fault(kind="error", model="rnj-1:8b", times="forever"))
        assert (await running.answer())["code"] == "backend.failed"
        assert running.rehearsal is not None
        tried = [one for one in running.rehearsal.record.requests if one.fault == "error"]
    assert len(tried) == 2


@shows("VISIBILITY_TIMEOUT")
async def _visibility_timeout(stage: Stage) -> None:
    for timeout, still_running in (("4", 0), ("1200", 1)):
        clock = ManualClock(SystemClock().now())
        variables = {"VISIBILITY_TIMEOUT": timeout}
        async with stage.brain(variables, clock=clock, listening=False) as running:
            running.break_models(Fault(kind="hang", model="rnj-1:8b"))
            ask = Ask.model_validate(
                {"ask_id": timeout, "conversation_id": timeout, "text": "hello", "options": SMALL}
            )
            caller = Caller("user", user_id="anna")
            await running.parts.desk.submit(ask, caller, client_id="", surface="api")
            await clock.advance(6)
            assert running.parts.queue.running_count == still_running


@shows("BACKEND_WAIT_SECONDS")
async def _backend_wait_seconds(stage: Stage) -> None:
    async with stage.brain(OLLAMA_HOST=NOBODY, BACKEND_WAIT_SECONDS="0") as running:
        assert (await running.answer())["code"] == "backend.unreachable"
    async with (
        stage.brain(OLLAMA_HOST=NOBODY, BACKEND_WAIT_SECONDS="60") as running,
        running.person() as client,
    ):
        ask_id = await client.ask("hello", ask_id="patient", options=SMALL)
        assert "Waiting for it" in (await client.stage_of(ask_id, "waiting"))["detail"]


@shows("FIRST_TOKEN_SECONDS", "TOKEN_GAP_SECONDS")
async def _patience(stage: Stage) -> None:
    for name, spoken in (("FIRST_TOKEN_SECONDS", 0), ("TOKEN_GAP_SECONDS", 2)):
        variables = {name: "0.3", "MAX_RETRIES": "1"}
        async with stage.brain(variables) as running:
            running.break_models(Fault(kind="hang", model="rnj-1:8b", after_tokens=spoken))
            with anyio.fail_after(10):
                failed = await running.answer(user=name)
        assert (failed["code"], "0.3 s" in failed["message"]) == ("backend.failed", True)


@shows("ENABLE_STREAMING")
async def _enable_streaming(stage: Stage) -> None:
    for streaming in ("true", "false"):
        async with (
            stage.brain(ENABLE_STREAMING=streaming) as running,
            running.person(streaming) as client,
        ):
            ask_id = await client.ask("count to 20", options=SMALL)
            assert (await client.end_of(ask_id))["text"]
            assert bool(client.of(ask_id, "delta")) is (streaming == "true")


# ------------------------------------------------------------------ the web as a source


@shows("SEARCH_URL", "FETCH_ALLOW")
async def _web(stage: Stage) -> None:
    question = f"search for the {topic(3).name}"
    async with trapped_web() as small, stage.brain(SEARCH_URL=small.url) as running:
        assert (await running.answer(question))["sources"] == [], "its page is not open"
        assert (small.searched, small.asked) == ([f"the {topic(3).name}"], [])
    async with trapped_web() as small:
        settings = {"SEARCH_URL": small.url, "FETCH_ALLOW": f"10.1.0.0/16, {small.host}"}
        async with stage.brain(settings) as running:
            assert (await running.answer(question))["sources"][0]["url"] == small.page(3)
            assert "/page/3" in small.asked


# ------------------------------------------------------------------ files


async def send_file(running: Running, data: bytes) -> httpx.Response:
    async with running.http(running.token()) as http:
        return await http.post("/api/files", files={"file": ("a.txt", data)})


@shows("MAX_FILE_SIZE_MB")
async def _max_file_size(stage: Stage) -> None:
    for limit, status in (("0.5", 413), ("20.5", 201)):
        async with stage.brain(MAX_FILE_SIZE_MB=limit) as running:
            assert (await send_file(running, b"a" * 20_000_000)).status_code == status


@shows("UPLOAD_CLEANUP_HOURS")
async def _upload_cleanup(stage: Stage) -> None:
    async with stage.brain(UPLOAD_CLEANUP_HOURS=f"{0.3 / 3600}") as running:
        kept = (await send_file(running, b"hello")).json()
        file = stage.folder / "files" / kept["file_id"]
        assert file.read_bytes() == b"hello"
        with anyio.fail_after(10):
            while file.exists():
                await anyio.sleep(0.02)


@shows("ARTIFACT_TTL_HOURS", "PUBLIC_URL")
async def _artifacts(stage: Stage) -> None:
    variables = {"ARTIFACT_TTL_HOURS": "0.5", "PUBLIC_URL": "https://files.example.org/"}
    question = "write a python function for primes to a file primes.py"
    async with stage.brain(variables) as running:
        async with connected(running.url, "/ws/discord", SECRETS["SERVICE_TOKEN"]) as bot:
            await bot.hello("bot")
            end = await bot.end_of(await bot.ask(question, user_id="7", options=SMALL))
        [file] = end["artifacts"]
        base, _, query = file["url"].partition("?")
        assert base == f"https://files.example.org/artifacts/{file['artifact_id']}"
        expires = int(re.findall(r"expires=(\d+)", query)[0])
        assert abs(expires - SystemClock().now() - 1800) < 60


@shows("DISCORD_API_BASE")
async def _discord_api_base(stage: Stage) -> None:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=b"The cat is called Barnaby.")

    app = web.Application()
    app.router.add_get("/notes.txt", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there = f"http://127.0.0.1:{runner.addresses[0][1]}"
    attachment = {"filename": "notes.txt", "url": f"{there}/notes.txt"}
    for base, kind in ((f"{there}/api/v10", "done"), (None, "failed")):
        async with (
            stage.brain(DISCORD_API_BASE=base) as running,
            connected(running.url, "/ws/discord", SECRETS["SERVICE_TOKEN"]) as bot,
        ):
            await bot.hello("bot")
            ask = await bot.ask(
                "cat?", ask_id=kind, user_id="7", attachments=[attachment], options=SMALL
            )
            assert (await bot.end_of(ask))["type"] == kind
    await runner.cleanup()


# ------------------------------------------------------------------ Discord


@dataclass
class InDiscord:
    """A stand-in Discord, the bot in it, and the brain behind it."""

    discord: Discord
    bot: Any

    def own(self, channel: Channel) -> list[Message]:
        return self.discord.messages(channel, by=self.discord.bot)

    def say(self, text: str = "hello", channel: Channel | None = None) -> None:
        named = f"@{self.discord.bot.name} {text}"
        self.discord.say(self.discord.ada, channel or self.discord.general, named)

    async def answered(self, channel: Channel) -> list[Message]:
        """What the bot wrote there, when the end of the answer is there."""

        def ended() -> bool:
            return any("Regenerate" in str(one.components) for one in self.own(channel))

        await self.discord.until(ended, seconds=20)
        return self.own(channel)

    async def thread(self) -> Channel:
        await self.discord.until(lambda: self.discord.threads(self.discord.general), seconds=10)
        return self.discord.threads(self.discord.general)[-1]


@asynccontextmanager
async def in_discord(
    stage: Stage, discord: Discord | None = None, **variables: str | None
) -> AsyncIterator[InDiscord]:
    """The bot with these variables; `{brain}` and `{discord}` in them are those places."""
    discord = discord or Discord()
    async with (
        stage.brain() as running,
        playing_discord(discord, port=0) as root,
        AsyncExitStack() as stack,
    ):
        stack.enter_context(stage.patch.context()).chdir(stage.folder)
        given: dict[str, str | None] = {
            "DISCORD_TOKEN": discord.token,
            "DISCORD_API_BASE": f"{root}/api/v10",
            "DISCORD_GATEWAY_URL": f"{root.replace('http', 'ws')}/gateway",
            "BRAIN_URL": running.url,
            "AUTH_URL": NOBODY,
            **variables,
        }
        given = {
            name: value and value.replace("{brain}", running.url.removeprefix("http://"))
            for name, value in given.items()
        }
        bot_ = await stack.enter_async_context(
            assembled(stage.settings(bot, **given), clock=SystemClock())
        )
        tasks = await stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(bot_.run)
        await discord.until(lambda: bot_.facts().status == "healthy", seconds=10)
        yield InDiscord(discord, bot_)
        tasks.cancel_scope.cancel()


@shows("DISCORD_TOKEN", "DISCORD_GATEWAY_URL")
async def _discord_token(stage: Stage) -> None:
    for token, taken in (("a-token-of-its-own", True), ("another", False)):
        discord = Discord(rules=Rules(token="a-token-of-its-own"))
        async with playing_discord(discord, port=0) as root:
            settings = stage.settings(
                bot,
                DISCORD_TOKEN=token,
                DISCORD_API_BASE=f"{root}/api/v10",
                DISCORD_GATEWAY_URL=f"{root.replace('http', 'ws')}/gateway",
            )
            async with assembled(settings, clock=SystemClock()) as bot_:
                if taken:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(bot_.run)
                        await discord.until(lambda: discord.connected)  # noqa: B023
                        tasks.cancel_scope.cancel()
                else:
                    with pytest.raises(BaseExceptionGroup, match="unhandled") as refused:
                        await bot_.run()
                    assert refused.group_contains(Refused, match="DISCORD_TOKEN")


@shows("DISCORD_ALLOWED_CHANNELS")
async def _discord_allowed_channels(stage: Stage) -> None:
    discord = Discord()
    async with in_discord(stage, discord, DISCORD_ALLOWED_CHANNELS=f"{discord.lab.id}") as here:
        await _only_the_second_is_answered(here, discord.general, discord.lab)


@shows("DISCORD_ALLOWED_GUILDS")
async def _discord_allowed_guilds(stage: Stage) -> None:
    discord = Discord()
    ours = discord.add_guild("Ours", discord.ada)
    channel = discord.add_channel("ours", guild=ours)
    async with in_discord(stage, discord, DISCORD_ALLOWED_GUILDS=f"{ours.id}") as here:
        await _only_the_second_is_answered(here, discord.general, channel)


async def _only_the_second_is_answered(here: InDiscord, one: Channel, other: Channel) -> None:
    for channel in (one, other):
        here.say(channel=channel)
    await here.discord.until(lambda: here.discord.threads(other), seconds=10)
    assert here.discord.threads(one) == []


@shows("DISCORD_ALLOWED_USERS", "DISCORD_ALLOWED_ROLES")
async def _discord_allowed_people(stage: Stage) -> None:
    for variable in ("DISCORD_ALLOWED_USERS", "DISCORD_ALLOWED_ROLES"):
        discord = Discord()
        allowed = discord.grace
        role_id = discord.state.new_id()
        discord.guild.roles[role_id] = Role(role_id, "friends", 0)
        discord.guild.members[allowed.id].roles.append(role_id)
        value = allowed.id if variable == "DISCORD_ALLOWED_USERS" else role_id
        async with in_discord(stage, discord, **{variable: f"{value}"}):
            for person in (discord.ada, allowed):
                discord.say(person, discord.general, f"@{discord.bot.name} from {person.name}")
            await discord.until(lambda: discord.threads(discord.general), seconds=10)  # noqa: B023
            assert [one.name for one in discord.threads(discord.general)] == [
                f"from {allowed.name}"
            ]


@shows("DISCORD_ADMIN_IDS")
async def _discord_admin_ids(stage: Stage) -> None:
    discord = Discord()
    async with in_discord(stage, discord, DISCORD_ADMIN_IDS=f"{discord.ada.id}"):
        for person, sees in ((discord.ada, "Queue:"), (discord.grace, "operators")):
            used = discord.slash(person, discord.general, "status")
            await discord.until(lambda: used.original and used.original.content, seconds=10)  # noqa: B023
            assert used.original is not None
            assert sees in used.original.content


@shows("DISCORD_TALK_CHANNELS", "DISCORD_PLAIN_CHANNELS")
async def _discord_channels(stage: Stage) -> None:
    discord = Discord()
    lab = f"{discord.lab.id}"
    async with in_discord(stage, discord, DISCORD_TALK_CHANNELS=lab) as here:
        discord.say(discord.ada, discord.lab, "hello")
        await discord.until(lambda: discord.threads(discord.lab), seconds=10)
    discord = Discord()
    plain = f"{discord.general.id}"
    async with in_discord(stage, discord, DISCORD_PLAIN_CHANNELS=plain) as here:
        here.say()
        assert await here.answered(discord.general)
        assert discord.threads(discord.general) == []


@shows("FASTAPI_WS_URL")
async def _fastapi_ws_url(stage: Stage) -> None:
    async with in_discord(
        stage, BRAIN_URL=NOBODY, FASTAPI_WS_URL="ws://{brain}/ws/discord"
    ) as here:
        assert here.bot.link.connected


@shows("BOT_HEALTH_PORT")
async def _bot_health_port(stage: Stage) -> None:
    discord, port = Discord(), free_port()
    async with playing_discord(discord, port=0) as root:
        await stage.process(
            "bot",
            live=f"http://127.0.0.1:{port}/health/live",
            BOT_HEALTH_PORT=f"{port}",
            DISCORD_TOKEN=discord.token,
            DISCORD_API_BASE=f"{root}/api/v10",
            DISCORD_GATEWAY_URL=f"{root.replace('http', 'ws')}/gateway",
            BRAIN_URL=NOBODY,
        )


@shows("UI_PORT")
async def _ui_port(stage: Stage) -> None:
    port = free_port()
    await stage.process("ui", live=f"http://127.0.0.1:{port}/health/live", UI_PORT=f"{port}")


@shows("MAX_STREAM_CHUNK_SIZE")
async def _max_stream_chunk_size(stage: Stage) -> None:
    for size, several in (("200", True), ("1900", False)):
        async with in_discord(stage, MAX_STREAM_CHUNK_SIZE=size) as here:
            here.say("Solve x^2 + 5x + 6 = 0")
            assert (len(await here.answered(await here.thread())) > 1) is several


@shows("STREAM_CHUNK_INTERVAL")
async def _stream_chunk_interval(stage: Stage) -> None:
    settings = stage.settings(bot, STREAM_CHUNK_INTERVAL="7", DISCORD_TOKEN="t")
    clock = ManualClock()
    turns: list[float] = []

    async def edit_twice(bot_: Any) -> None:
        for _ in range(2):
            await bot_.delivery.turn_to_edit(1)
            turns.append(clock.monotonic())

    async with assembled(settings, clock=clock) as bot_, anyio.create_task_group() as tasks:
        tasks.start_soon(edit_twice, bot_)
        await clock.advance(10)
    assert turns == [0, pytest.approx(7)]


# ------------------------------------------------------------------ budgets and maintenance


@shows("FREE_TIER_WEEKLY_BUDGET", "ADMIN_TIER_WEEKLY_BUDGET", "DISABLE_TOKEN_BUDGET")
async def _budgets(stage: Stage) -> None:
    limits = {"FREE_TIER_WEEKLY_BUDGET": "20001", "ADMIN_TIER_WEEKLY_BUDGET": "30001"}
    async with stage.brain(limits, DISABLE_TOKEN_BUDGET="false") as running:
        assert (await running.answer())["budget"]["limit"] == 20001
        assert (await running.answer(user="boss", role="admin"))["budget"]["limit"] == 30001
    async with stage.brain(DISABLE_TOKEN_BUDGET="false", FREE_TIER_WEEKLY_BUDGET="1") as running:
        assert (await running.answer(user="bert"))["type"] == "done"  # what is left may be used
        assert (await running.answer(user="bert"))["code"] == "budget.exceeded"
    async with stage.brain(DISABLE_TOKEN_BUDGET="true", FREE_TIER_WEEKLY_BUDGET="1") as running:
        assert (await running.answer(user="carl"))["budget"] is None


@shows("BUDGET_TIMEZONE")
async def _budget_timezone(stage: Stage) -> None:
    resets = set()
    for zone in ("UTC", "Pacific/Kiritimati"):
        variables = {"BUDGET_TIMEZONE": zone, "DISABLE_TOKEN_BUDGET": "false"}
        async with stage.brain(variables) as running:
            done = await running.answer(user=zone)
            resets.add(done["budget"]["resets_at"])
    assert len(resets) == 2, "Monday begins 14 hours earlier on Kiritimati"


@shows("MAINTENANCE_MODE", "MAINTENANCE_MODE_HARD")
async def _maintenance(stage: Stage) -> None:
    for name, value in (("MAINTENANCE_MODE", False), ("MAINTENANCE_MODE", True)):
        store = f"sqlite:///{stage.folder}/soft-{value}.db"
        variables = {name: str(value).lower(), "STORE_URL": store}
        async with stage.brain(variables) as running, running.person() as client:
            ask_id = await client.ask("hello", options=SMALL)
            assert (await client.end_of(ask_id))["type"] == "done"
            assert client.of(ask_id, "queued")[0]["maintenance"] is value
    store = f"sqlite:///{stage.folder}/hard.db"
    async with stage.brain(MAINTENANCE_MODE_HARD="true", STORE_URL=store) as running:
        assert (await running.answer())["code"] == "maintenance.hard"


# ------------------------------------------------------------------ the tests


@pytest.mark.parametrize("case", CASES, ids=[",".join(names) for names in CASES.values()])
async def test_a_variable_changes_what_it_says(case: Case, stage: Stage) -> None:
    await case(stage)


def test_no_variable_is_left_out_and_no_case_is_of_another() -> None:
    assert sorted(name for names in CASES.values() for name in names) == sorted(listed())
