"""The command plays a Discord when it is asked to."""

import os
import signal
import subprocess
import sys
import urllib.request

import aiohttp
import anyio
import pytest

from rehearsal.discord import Discord


def test_the_command_says_where_its_discord_is() -> None:
    ports = ["--ollama-port", "0", "--openai-port", "0", "--discord-port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "rehearsal", *ports], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        assert said[4].endswith("(token: rehearsal)\n")
        with urllib.request.urlopen(said[4].split()[1], timeout=5) as page:
            assert b"Rehearsal Discord" in page.read()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=10) == 0


async def test_a_killed_discord_comes_back_with_its_messages(stage: Discord, url: str) -> None:
    stage.say(stage.ada, stage.general, "still here?")
    told = f"{url}/rehearsal/discord/messages?channel=general"
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            await http.post(f"{url}/rehearsal/kill", json={"down_seconds": 0.05})
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"{url}/health")
        with anyio.fail_after(5):
            while True:
                try:
                    async with http.get(told) as back:
                        (message,) = await back.json()
                        break
                except aiohttp.ClientError:
                    await anyio.sleep(0.01)
    assert message["content"] == "still here?"
