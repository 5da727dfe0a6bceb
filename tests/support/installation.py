"""A copy of this repository with its services in containers of its own, on ports of its own."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PORTS = (
    "BRAIN_PORT", "AUTH_PORT", "UI_PORT", "BOT_HEALTH_PORT", "DYNAMODB_PORT", "LOGGING_PORT",
    "LOGGING_HEALTH_PORT", "REHEARSAL_OLLAMA_PORT", "REHEARSAL_OPENAI_PORT",
    "REHEARSAL_DISCORD_PORT", "SGLANG_PORT",
)  # fmt: skip
SERVICES = frozenset({
    "logging-service", "dynamodb-local", "auth-service", "fastapi-service", "streamlit-ui",
    "discord-bot", "rehearsal",
})  # fmt: skip
INFRASTRUCTURE = frozenset({"logging-service", "dynamodb-local", "auth-service"})
KEPT = ("PATH", "HOME", "LANG", "DOCKER_HOST", "DOCKER_CONFIG", "PIP_INDEX_URL", "UV_DEFAULT_INDEX")


def free_ports() -> dict[str, str]:
    sockets = [socket.socket() for _ in PORTS]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = {name: str(one.getsockname()[1]) for name, one in zip(PORTS, sockets, strict=True)}
    for one in sockets:
        one.close()
    return ports


@dataclass
class Installation:
    """What an operator does with it, and sees."""

    folder: Path
    project: str = field(default_factory=lambda: f"trollama-test-{os.getpid()}")
    ports: dict[str, str] = field(default_factory=free_ports)
    first_start: subprocess.CompletedProcess[str] | None = None

    def run(
        self, *command: str, seconds: float = 600, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(variables),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        certificates = {
            name: value for name, value in os.environ.items() if "CERT" in name or "SSL" in name
        }
        project = {"COMPOSE_PROJECT_NAME": self.project}
        return kept | certificates | project | self.ports | dict(variables)

    def url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    def docker(self, *command: str) -> str:
        done = self.run("docker", *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, str]:
        """Each container's service with Docker's words about it."""
        shape = '{{.Label "com.docker.compose.service"}}\t{{.Status}}'
        mine = f"label=com.docker.compose.project={self.project}"
        lines = self.docker("ps", "--all", "--filter", mine, "--format", shape).splitlines()
        return dict(line.split("\t") for line in lines)

    def healthy(self) -> set[str]:
        return {name for name, status in self.status().items() if "(healthy)" in status}

    def until_healthy(self, services: frozenset[str], *, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not services <= self.healthy():
            assert time.monotonic() < deadline, self.status()
            time.sleep(0.5)  # another program's state cannot be waited for

    def inspect(self, service: str) -> dict[str, Any]:
        [found] = json.loads(self.docker("inspect", f"{self.project}-{service}-1"))
        assert isinstance(found, dict)
        return found

    def main_process(self, service: str) -> int:
        """Its pid on this machine: the program itself, not the init before it."""
        init = self.inspect(service)["State"]["Pid"]
        children = Path(f"/proc/{init}/task/{init}/children").read_text().split()
        return int(children[0]) if children else int(init)

    def remove(self) -> None:
        """Everything, volumes too."""
        if (self.folder / ".env").exists():
            self.run("docker", "compose", "--profile", "*", "down", "--volumes", "--timeout", "2")


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """A fresh copy of the tracked files in `folder`, removed with its containers at the end."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    installation = Installation(folder)
    try:
        yield installation
    finally:
        installation.remove()
