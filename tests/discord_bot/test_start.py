"""A bot that cannot work says why, once, and stops."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import bot.config
from bot.__main__ import WRONG_SETTINGS, run
from rehearsal import playing_discord
from rehearsal.discord import Discord

SCRIPTS = Path(__file__).parents[2] / "scripts"
SERVICE_TOKEN = "svc-" + "t7" * 20


@pytest.fixture
async def stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Discord, str]]:
    monkeypatch.chdir(tmp_path)
    discord = Discord()
    async with playing_discord(discord, port=0) as url:
        yield discord, url
    assert discord.unhandled == []


async def ended(url: str, token: str | None) -> int:
    settings = bot.config.Settings(
        _env_file=None,
        service_token=SERVICE_TOKEN,
        discord_token=token,
        discord_api_base=f"{url}/api/v10",
        discord_gateway_url=url.replace("http", "ws") + "/gateway",
        fastapi_ws_url="ws://127.0.0.1:9/ws/discord",
        bot_health_port=0,
    )
    return await run(settings)


async def test_a_wrong_token(stage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    discord, url = stage
    assert await ended(url, "nobody's") == WRONG_SETTINGS
    said = capsys.readouterr().err
    assert said.startswith("Cannot start: Discord refuses DISCORD_TOKEN.")
    assert said.count("\n") == 1
    assert [call.status for call in discord.calls] == [401]


async def test_no_token(stage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    discord, url = stage
    assert await ended(url, None) == WRONG_SETTINGS
    assert "DISCORD_TOKEN is not set" in capsys.readouterr().err
    assert not discord.calls


async def test_intents_that_are_switched_off(
    stage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    discord, url = stage
    discord.state.rules.intents &= ~(1 << 15)
    assert await ended(url, discord.token) == WRONG_SETTINGS
    assert "Message Content Intent" in capsys.readouterr().err


async def script(name: str, url: str, token: str) -> tuple[int, str]:
    """A script of the operator's as a process: its exit code and what it says."""
    variables = {
        "PATH": os.environ["PATH"],
        "SERVICE_TOKEN": SERVICE_TOKEN,
        "DISCORD_TOKEN": token,
        "DISCORD_API_BASE": f"{url}/api/v10",
    }
    with anyio.fail_after(30):
        done = await anyio.run_process(
            [sys.executable, str(SCRIPTS / name)], env=variables, check=False
        )
    return done.returncode, done.stdout.decode()


async def test_the_script_for_tokens_prints_the_invitation(stage: Any) -> None:
    discord, url = stage
    code, said = await script("test_token.py", url, discord.token)
    assert code == 0
    assert "permissions=326417632320" in said
    code, said = await script("test_token.py", url, "nobody's")
    assert code == 1
    assert "Discord refuses DISCORD_TOKEN" in said


async def test_the_script_for_commands_tells_discord_all_of_them(stage: Any) -> None:
    discord, url = stage
    code, said = await script("sync_commands.py", url, discord.token)
    assert code == 0
    wanted = "help reset summarize close cancel model budget link forget status maintenance why"
    assert {f"/{name}" for name in wanted.split()} <= set(said.split())
