"""Every service as a process of its own, all of them logging to a log server."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError

import pytest

from box import Box

SECONDS = 30.0
DISCORD_TOKEN = "rehearsal"


@dataclass
class Town:
    """All services, and what they logged."""

    box: Box
    logs: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.box.ports['discord']}/rehearsal/discord"

    def act(self, what: str, **fields: Any) -> Any:
        """A person does something in Discord."""
        return self.box.call(f"{self.url}/act/{what}", fields)

    def said_in(self, channel: str) -> str:
        """What the bot has written there."""
        told = self.box.call(f"{self.url}/messages?channel={channel}")
        return "\n".join(one["content"] for one in told if one["author"]["bot"])

    def refused(self, url: str, body: object = None, **more: Any) -> int:
        """The status of a call that has to fail."""
        with pytest.raises(HTTPError) as failure:
            self.box.call(url, body, **more)
        return failure.value.code

    def text(self) -> str:
        """Every log file, and what the services wrote to stderr."""
        files = [*self.logs.rglob("*.log*"), *self.box.folder.glob("*.log")]
        return "\n".join(path.read_text() for path in files)

    def records(self) -> list[dict[str, Any]]:
        """What is in all app.log files and debug.log files."""
        paths = [*self.logs.glob("*/app.log"), *self.logs.glob("*/debug.log")]
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def end(self) -> None:
        """Stop every service, the log server last."""
        for name in sorted(self.box.processes, key=lambda name: name == "logsink"):
            process = self.box.processes.pop(name)
            process.terminate()
            process.wait(15)

    def until(self, true: Callable[[], object]) -> None:
        deadline = monotonic() + SECONDS
        while not true():
            assert monotonic() < deadline, self.box.log("bot")[-3000:]
            sleep(0.05)


@contextmanager
def whole_town(folder: Path) -> Iterator[Town]:
    """Started one after the other; ended together."""
    box = Box(folder)
    box.ports |= {name: box.free_port() for name in ("discord", "bot", "logsink", "records", "ui")}
    at = f"127.0.0.1:{box.ports['discord']}"
    box.settings = {
        "DISCORD_TOKEN": DISCORD_TOKEN,
        "DISCORD_API_BASE": f"http://{at}/api/v10",
        "DISCORD_GATEWAY_URL": f"ws://{at}/gateway",
        "BOT_HEALTH_PORT": f"{box.ports['bot']}",
        "UI_PORT": f"{box.ports['ui']}",
        "STREAM_CHUNK_INTERVAL": "0.3",
        "VRAM_PROFILE": "conservative",
        "LOGGING_HOST": "127.0.0.1",
        "LOGGING_PORT": f"{box.ports['records']}",
        "LOGGING_HEALTH_PORT": f"{box.ports['logsink']}",
        "LOG_LEVEL": "DEBUG",
        "MAX_RETRIES": "1",
    }
    try:
        box.start("logsink")
        box.start(
            "rehearsal",
            *("--ollama-port", f"{box.ports['ollama']}"),
            *("--openai-port", f"{box.ports['openai']}"),
            *("--discord-port", f"{box.ports['discord']}"),
            *("--speed", "50"),
            live="/",
        )
        for name in ("auth", "brain", "bot", "ui"):
            box.start(name)
        town = Town(box, box.folder / "logs")
        health = f"http://127.0.0.1:{box.ports['bot']}/health"
        town.until(lambda: box.call(health)["status"] == "healthy")
        yield town
    finally:
        box.stop()
