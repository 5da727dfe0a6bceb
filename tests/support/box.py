"""A box of real processes: auth, rehearsal and brain on free ports, stopped by pid."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from chat_client import Client, connected

SECRETS = {"JWT_SECRET_KEY": "jwt-" + "k9" * 20, "SERVICE_TOKEN": "svc-" + "t7" * 20}
START_SECONDS = 30.0


def free_port() -> int:
    """A port nobody listens on, and that no outgoing connection is given (those begin at 32768)."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Box:
    """Services as an operator runs them, in one folder."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in ("brain", "auth", "ollama", "openai")}

    @property
    def secrets(self) -> dict[str, str]:
        return SECRETS

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['brain']}"

    @property
    def auth_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['auth']}"

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['ollama']}/rehearsal"

    def start(self, name: str, *arguments: str, live: str = "/health/live") -> None:
        """Start `python -m <name>` and wait until it answers."""
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", name, *arguments],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        port = self.ports["ollama" if name == "rehearsal" else name]
        self._wait_for(name, f"http://127.0.0.1:{port}{live}")

    def start_all(self, **settings: str) -> None:
        """The rehearsal (sped up), auth and the brain."""
        self.settings |= {"REHEARSAL_SPEED": "20"} | settings
        self.start_rehearsal()
        self.start("auth")
        self.start("brain")

    def start_rehearsal(self) -> None:
        ports = (str(self.ports["ollama"]), str(self.ports["openai"]))
        speed = self.settings.get("REHEARSAL_SPEED", "20")
        self.start(
            "rehearsal", "--ollama-port", ports[0], "--openai-port", ports[1], "--speed", speed,
            live="/",
        )  # fmt: skip

    def free_port(self) -> int:
        return free_port()

    def kill(self, name: str) -> None:
        """`kill -9`: nothing is cleaned up."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.processes.clear()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def call(self, url: str, body: object = None, *, method: str = "", bearer: str = "") -> Any:
        """The JSON answer of an HTTP call; errors raise `urllib.error.HTTPError`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url, data, {"Content-Type": "application/json"}, method=method or None
        )
        if bearer:
            request.add_header("Authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            refused.close()
            raise

    def sign_up(self, name: str) -> str:
        """A new person's token."""
        person = {"username": name, "password": f"correct horse {name}"}
        self.call(f"{self.auth_url}/register", person)
        token: str = self.call(f"{self.auth_url}/login", person)["access_token"]
        return token

    def bot(self) -> AbstractAsyncContextManager[Client]:
        return connected(self.url, "/ws/discord", SECRETS["SERVICE_TOKEN"])

    def person(self, token: str) -> AbstractAsyncContextManager[Client]:
        return connected(self.url, "/ws/chat", token)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "STORE_URL": f"sqlite:///{self.folder}/trollama.db",
            "BRAIN_PORT": str(self.ports["brain"]),
            "AUTH_PORT": str(self.ports["auth"]),
            "AUTH_URL": self.auth_url,
            "OLLAMA_HOST": f"http://127.0.0.1:{self.ports['ollama']}",
            "SGLANG_ENDPOINT": f"http://127.0.0.1:{self.ports['openai']}",
            "BCRYPT_COST": "4",
            "SEARCH_URL": "http://127.0.0.1:9",  # nobody there: no test searches the internet
            **SECRETS,
            **self.settings,
        }

    def _wait_for(self, name: str, url: str) -> None:
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            if self.processes[name].poll() is not None:
                break
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                sleep(0.05)
        raise AssertionError(f"{name} is not live:\n{self.log(name)[-4000:]}")
