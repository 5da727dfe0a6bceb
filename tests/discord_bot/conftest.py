"""The real bot, the stand-in Discord, the real brain and the rehearsal models, in one process."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from fastapi import FastAPI

import bot.config
import brain.config
import brain.main
import brain.wiring
from bot.wiring import Bot, assembled
from rehearsal import Rehearsal, playing_discord
from rehearsal import running as rehearsing
from rehearsal.discord import Channel, Discord, Limit, Limits, Message, Person
from shared.clock import SystemClock
from shared.protocol import MAX_FRAME_BYTES

SECRETS = {"JWT_SECRET_KEY": "jwt-" + "k9" * 20, "SERVICE_TOKEN": "svc-" + "t7" * 20}
NOBODY = "http://127.0.0.1:9"
SECONDS = 20.0
RUNNING = "⏳"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class World:
    """Everything that takes part; tests act as people through `discord`."""

    folder: Path
    discord: Discord
    discord_url: str
    models: Rehearsal
    variables: dict[str, str]
    bot: Bot | None = None
    brain: Any = None
    port: int = 0
    _brain_scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

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

    @asynccontextmanager
    async def a_bot(self, **variables: str) -> AsyncIterator[Bot]:
        """One life of the bot; leaving ends it as a kill would."""
        given = {
            **SECRETS,
            "discord_token": self.discord.token,
            "discord_api_base": f"{self.discord_url}/api/v10",
            "discord_gateway_url": self.discord_url.replace("http", "ws") + "/gateway",
            "brain_url": f"http://127.0.0.1:{self.port}",
            "auth_url": NOBODY,
            "stream_chunk_interval": "0.1",
            **variables,
        }
        settings = bot.config.Settings(
            _env_file=None, **{name.lower(): value for name, value in given.items()}
        )
        async with (
            assembled(settings, clock=SystemClock()) as assembled_bot,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(assembled_bot.run)
            self.bot = assembled_bot
            await self.until(lambda: assembled_bot.facts().status == "healthy")
            yield assembled_bot
            tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def a_brain(self, ollama_url: str) -> AsyncIterator[None]:
        """One life of the brain, at the same port each time."""
        settings = brain.config.Settings(
            _env_file=None,
            jwt_secret_key=SECRETS["JWT_SECRET_KEY"],
            service_token=SECRETS["SERVICE_TOKEN"],
            store_url=f"sqlite:///{self.folder}/trollama.db",
            auth_url=NOBODY,
            search_url=NOBODY,
            vram_profile="conservative",
            ollama_host=ollama_url,
            discord_api_base=f"{self.discord_url}/api/v10",
        )
        async with brain.wiring.running(settings) as parts:
            self.brain = parts
            async with serving(brain.main.create_app(parts), self.port) as port:
                self.port = port
                yield


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, ws="websockets-sansio", ws_max_size=MAX_FRAME_BYTES,
        lifespan="off", log_config=None, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server._serve)
        while not server.started:
            await anyio.sleep(0.005)
        yield server.servers[0].sockets[0].getsockname()[1]
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
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> AsyncIterator[World]:
    """No route of Discord may have been unknown at the end."""
    monkeypatch.chdir(tmp_path)
    stage = Discord(limits=Limits(write=Limit(5, 0.5), react=Limit(1, 0.03)))
    models = Rehearsal(speed=20)
    async with AsyncExitStack() as stack:
        root = await stack.enter_async_context(playing_discord(stage, port=0))
        servers = await stack.enter_async_context(rehearsing(models, ollama_port=0, openai_port=0))
        here = World(tmp_path, stage, root, models, variables)
        await stack.enter_async_context(here.a_brain(servers.ollama_url))
        await stack.enter_async_context(here.a_bot(**variables))
        yield here
        assert stage.unhandled == []


__all__ = ["Person", "World", "labels", "without_small_print"]
