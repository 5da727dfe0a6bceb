"""The real bot, the stand-in Discord, the real brain and the rehearsal models, in one process."""

import gc
import re
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from anyio.abc import TaskGroup
from fastapi import FastAPI

import auth.config
import auth.main
import auth.wiring
import bot.config
import brain.config
import brain.main
import brain.wiring
from bot.wiring import assembled
from rehearsal import Rehearsal, playing_discord
from rehearsal import running as rehearsing
from rehearsal.discord import Channel, Discord, Limit, Limits, Message, Person
from rehearsal.script import ScriptedReply, default_script
from shared.clock import SystemClock
from shared.protocol import MAX_FRAME_BYTES

SECRETS = {"JWT_SECRET_KEY": "jwt-" + "k9" * 20, "SERVICE_TOKEN": "svc-" + "t7" * 20}
NOBODY = "http://127.0.0.1:9"
SECONDS = 20.0
RUNNING = "⏳"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="package", autouse=True)
def small_garbage() -> Iterator[None]:
    """What is there already is left out of the collection after each test: 0.02 s, not 0.4 s."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@dataclass
class World:
    """Everything that takes part; tests act as people through `discord`."""

    folder: Path
    discord: Discord
    discord_url: str
    models: Rehearsal
    variables: dict[str, str]
    tasks: TaskGroup
    ollama_url: str = ""
    bot: Any = None
    brain: Any = None
    port: int = 0
    auth_url: str = NOBODY
    lives: dict[str, tuple[anyio.CancelScope, anyio.Event]] = field(default_factory=dict)

    async def until(self, true: Callable[[], object]) -> None:
        await self.discord.until(true, seconds=SECONDS)

    def own(self, channel: Channel) -> list[Message]:
        """What the bot wrote there."""
        return self.discord.messages(channel, by=self.discord.bot)

    async def thread(self, parent: Channel | None = None) -> Channel:
        parent = parent or self.discord.general
        await self.until(lambda: self.discord.threads(parent))
        return self.discord.threads(parent)[-1]

    async def answer(self, channel: Channel, number: int = 1) -> Message:
        """The `number`-th answer of the bot there, when it has its end."""
        await self.until(lambda: len(self.ended(channel)) >= number)
        return self.ended(channel)[number - 1]

    def ended(self, channel: Channel) -> list[Message]:
        return [one for one in self.own(channel) if labels(one) == ["Regenerate", "Other model"]]

    # ------------------------------------------------------------------ who lives and dies

    async def start_bot(self) -> None:
        """A bot; as far as the brain and Discord can tell it is another process."""
        given = {
            **SECRETS,
            "discord_token": self.discord.token,
            "discord_api_base": f"{self.discord_url}/api/v10",
            "discord_gateway_url": self.discord_url.replace("http", "ws") + "/gateway",
            "brain_url": f"http://127.0.0.1:{self.port}",
            "auth_url": self.auth_url,
            "stream_chunk_interval": "0.1",
            **self.variables,
        }
        lower: dict[str, Any] = {name.lower(): value for name, value in given.items()}
        settings = bot.config.Settings(_env_file=None, **lower)

        async def live(begun: anyio.Event) -> None:
            async with assembled(settings, clock=SystemClock()) as self.bot:
                begun.set()
                await self.bot.run()

        await self._begin("bot", live)
        await self.until(lambda: self.discord.connected)

    async def start_brain(self) -> None:
        """A brain at the same port each time."""
        settings = brain.config.Settings(
            _env_file=None,
            jwt_secret_key=SECRETS["JWT_SECRET_KEY"],
            service_token=SECRETS["SERVICE_TOKEN"],
            store_url=f"sqlite:///{self.folder}/trollama.db",
            auth_url=self.auth_url,
            search_url=NOBODY,
            vram_profile="conservative",
            ollama_host=self.ollama_url,
            discord_api_base=f"{self.discord_url}/api/v10",
        )

        async def live(begun: anyio.Event) -> None:
            async with (
                brain.wiring.running(settings) as self.brain,
                serving(brain.main.create_app(self.brain), self.port) as self.port,
            ):
                begun.set()
                await anyio.sleep_forever()

        await self._begin("brain", live)

    async def start_auth(self) -> None:
        """The real auth service, before those that ask it."""
        settings = auth.config.Settings(
            _env_file=None,
            jwt_secret_key=SECRETS["JWT_SECRET_KEY"],
            service_token=SECRETS["SERVICE_TOKEN"],
            store_url=f"sqlite:///{self.folder}/auth.db",
            bcrypt_cost=4,
        )

        async def live(begun: anyio.Event) -> None:
            async with (
                auth.wiring.running(settings) as parts,
                serving(auth.main.create_app(parts), 0) as port,
            ):
                self.auth_url = f"http://127.0.0.1:{port}"
                begun.set()
                await anyio.sleep_forever()

        await self._begin("auth", live)

    async def kill(self, name: str) -> None:
        """End the bot or the brain in the middle of what it does."""
        scope, ended = self.lives.pop(name)
        scope.cancel()
        await ended.wait()

    async def _begin(self, name: str, live: Callable[[anyio.Event], Awaitable[None]]) -> None:
        begun, ended = anyio.Event(), anyio.Event()

        async def life() -> None:
            with anyio.CancelScope() as scope:
                self.lives[name] = scope, ended
                await live(begun)
            ended.set()

        self.tasks.start_soon(life)
        with anyio.fail_after(SECONDS):
            await begun.wait()


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, ws="websockets-sansio", ws_max_size=MAX_FRAME_BYTES,
        lifespan="off", log_config=None, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)

    async def serve() -> None:
        with anyio.CancelScope(shield=True):  # it closes its sockets only when it ends by itself
            await server._serve()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        while not server.started:
            await anyio.sleep(0.005)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True


def labels(message: Message) -> list[str]:
    """The buttons below a message."""
    return [part["label"] for row in message.components for part in row["components"]]


def without_small_print(message: Message) -> str:
    return re.sub(r"\n?-# .*", "", message.content).strip()


@pytest.fixture
def variables() -> dict[str, str]:
    """Settings of the bot; a test module may override this."""
    return {}


@pytest.fixture
def with_auth() -> bool:
    """Whether the auth service takes part; a test module may override this."""
    return False


@pytest.fixture
def speed() -> float:
    """How many times faster than scripted the models are; a test module may override this."""
    return 20


@pytest.fixture
def replies() -> dict[str, str]:
    """What the models say to questions in which a pattern is found."""
    return {}


@pytest.fixture
async def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    speed: float,
    replies: dict[str, str],
    with_auth: bool,
) -> AsyncIterator[World]:
    """No route of Discord may have been unknown at the end."""
    monkeypatch.chdir(tmp_path)
    stage = Discord(limits=Limits(write=Limit(5, 0.5), react=Limit(1, 0.03)))
    script = default_script()
    added = [ScriptedReply(match=match, text=text) for match, text in replies.items()]
    models = Rehearsal(
        script.model_copy(update={"replies": (*added, *script.replies)}), speed=speed
    )
    async with (
        playing_discord(stage, port=0) as root,
        rehearsing(models, ollama_port=0, openai_port=0) as servers,
        anyio.create_task_group() as tasks,
    ):
        here = World(tmp_path, stage, root, models, variables, tasks, servers.ollama_url)
        if with_auth:
            await here.start_auth()
        await here.start_brain()
        await here.start_bot()
        yield here
        for name in list(here.lives):
            await here.kill(name)
        assert stage.unhandled == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    A killed process takes its sockets with it; one that is killed inside this process leaves them
    to the garbage collector, which says so.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(
                pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
            )


__all__ = ["Person", "World", "labels", "without_small_print"]
