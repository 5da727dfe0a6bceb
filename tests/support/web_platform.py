"""The platform as a browser meets it: a `Box` with the web chat, and Discord where it is wanted."""

import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from box import SECRETS, Box

SPEED = "4"
"""Answers take seconds, not minutes, and can still be watched as they grow."""

LONG_STORY = " ".join(f"This is sentence {number} of a long story." for number in range(1, 1200))
"""About a minute at 240 pieces a second: nothing that is stopped ends by itself before."""

WIDE_TABLE = "\n".join(["| a column " * 12 + "|", "|---" * 12 + "|", "| value " * 12 + "|"])

REPLIES = {
    r"\bwide table\b": f"Twelve columns:\n\n{WIDE_TABLE}\n",
    r"\blong story\b": LONG_STORY,
    r"\btable\b": "Two rows:\n\n| planet | moons |\n|---|---|\n| Earth | 1 |\n| Mars | 2 |\n",
    r"\bcircle\b": "The area is $A = \\pi r^2$, and in a line of its own:\n\n$$A = \\pi r^2$$\n",
    r"\bharmful\b": "<script>window.harmed = true</script> and [a link](javascript:alert(1)).",
    r"\bcsv file\b": "Here it is:\n\n```csv\nplanet,moons\nEarth,1\nMars,2\n```\n",
}
"""What the rehearsal models say to a question in which the pattern is found."""

MACHINE_GB = {"MemTotal": 128.0, "MemAvailable": 120.0}


@dataclass
class WebBox(Box):
    """All services of the web chat on ports of their own."""

    discord_port: int = 0
    added: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ports |= {"ui": self.free_port(), "bot": self.free_port()}
        self.discord_port = self.free_port()

    @property
    def ui_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['ui']}"

    @property
    def discord_url(self) -> str:
        return f"http://127.0.0.1:{self.discord_port}"

    def start_platform(self, **settings: str) -> None:
        """Models, auth, brain and the web chat, on a machine with 128 GB."""
        self.settings |= {
            "UI_PORT": str(self.ports["ui"]),
            "BRAIN_URL": self.url,
            "ALLOWED_ORIGINS": self.ui_url,
            "VRAM_PROFILE": "balanced",
            "MEMINFO_FILE": str(self._meminfo()),
            "REHEARSAL_SPEED": SPEED,
        } | settings
        self.start_rehearsal()
        for name in ("auth", "brain"):
            self.start(name)
        self.start_ui()

    def start_ui(self) -> None:
        self.start("ui", live="/_stcore/health")

    def start_rehearsal(self) -> None:
        """The models, which say `REPLIES` too, and a Discord."""
        script = self.folder / "script.toml"
        script.write_text("".join(_reply(match, text) for match, text in REPLIES.items()))
        self.start(
            "rehearsal",
            "--ollama-port", str(self.ports["ollama"]), "--openai-port", str(self.ports["openai"]),
            "--discord-port", str(self.discord_port),
            "--speed", self.settings["REHEARSAL_SPEED"], "--script", str(script),
            live="/",
        )  # fmt: skip

    def start_bot(self) -> None:
        """The bot, in the rehearsed Discord."""
        self.settings |= {
            "DISCORD_TOKEN": "rehearsal",
            "DISCORD_API_BASE": f"{self.discord_url}/api/v10",
            "DISCORD_GATEWAY_URL": self.discord_url.replace("http", "ws") + "/gateway",
            "BOT_HEALTH_PORT": str(self.ports["bot"]),
            "STREAM_CHUNK_INTERVAL": "0.1",
        }
        self.start("bot", live="/health")

    def make_admin(self, name: str, password: str) -> None:
        """An account that may do everything."""
        words = ["--username", name, "--password", password, "--display", name.title()]
        subprocess.run(
            [sys.executable, "-m", "auth.setup_admin", *words],
            cwd=self.folder,
            env=self._environment(),
            check=True,
            capture_output=True,
            timeout=30,
        )

    def act(self, what: str, **fields: Any) -> Any:
        """A person does something in the rehearsed Discord."""
        return self.call(f"{self.discord_url}/rehearsal/discord/act/{what}", fields)

    def discord_messages(self, channel: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.call(
            f"{self.discord_url}/rehearsal/discord/messages?channel={channel}"
        )
        return told

    def models_at_work(self) -> int:
        """How many requests the rehearsal models are serving now."""
        active: int = self.call(f"{self.control_url}/log")["active"]
        return active

    def operator(self, method: str, path: str, body: object = None) -> Any:
        """What only operators may ask of the brain."""
        return self.call(self.url + path, body, method=method, bearer=SECRETS["SERVICE_TOKEN"])

    def _meminfo(self) -> Path:
        file = self.folder / "meminfo"
        file.write_text(
            "".join(f"{k}: {int(gb * 1e9 / 1024)} kB\n" for k, gb in MACHINE_GB.items())
        )
        return file


def _reply(match: str, text: str) -> str:
    return f"[[replies]]\nmatch = '''{match}'''\ntext = '''\n{text}'''\n"


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
