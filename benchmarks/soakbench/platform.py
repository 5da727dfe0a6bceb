"""The platform as an operator runs it, in real processes, in a small machine."""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns
from typing import Any

import jwt
import orjson
from bench.processes import Stage, Started, answers, call, free_port
from bench.targets import module

from small_machine import SmallMachine, children

MB_PER_GB = 20.0
TOTAL_GB = 64.0
HARD_GB = 36.0
SPEED = 5.0
SIGNED_IN_SECONDS = 24 * 3600
MODELS = {
    "gpt-oss:20b": 13.0,
    "rnj-1:8b": 5.1,
    "ministral-3:14b": 9.1,
    "deepseek-ocr:3b": 6.7,
    "devstral-small-2:24b": 15.0,
    "nemotron-3-nano:30b": 24.0,
}
"""GB each: about two of them fit, so people who want different ones make models come and go."""

THINKING = {"gpt-oss:20b"}
OTHER_CPU = 1


@dataclass
class Platform:
    """Brain, auth and rehearsal on one store."""

    stage: Stage
    machine: SmallMachine
    ports: dict[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("brain", "auth", "ollama", "v1")}
    )
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            name: secrets.token_urlsafe(48) for name in ("JWT_SECRET_KEY", "SERVICE_TOKEN")
        }
    )
    brain: Started | None = None
    deaths: list[float] = field(default_factory=list)
    """When the brain was killed, by the monotonic clock in seconds."""

    @property
    def url(self) -> str:
        """The brain."""
        return f"http://127.0.0.1:{self.ports['brain']}"

    @property
    def ollama_url(self) -> str:
        """The stand-in for Ollama."""
        return f"http://127.0.0.1:{self.ports['ollama']}"

    @property
    def runners(self) -> list[int]:
        """Processes that hold the memory of models."""
        rehearsal = self.stage.running[0].pid if self.stage.running else 0
        return [one.pid for one in children(rehearsal)] if rehearsal else []

    def start(self) -> None:
        """All of it, each once the one before is live."""
        ports = [f"{self.ports[name]}" for name in ("ollama", "v1")]
        script = ["--speed", f"{SPEED}", "--script", f"{self._script()}"]
        self.stage.start(
            "rehearsal",
            module("rehearsal", "--ollama-port", ports[0], "--openai-port", ports[1], *script),
            live=f"{self.ollama_url}/health/live",
            cpu=OTHER_CPU,
        )
        auth = f"http://127.0.0.1:{self.ports['auth']}/health/live"
        self.stage.start(
            "auth", module("auth"), live=auth, cpu=OTHER_CPU, environment=self._environment()
        )
        self.start_brain()

    def start_brain(self) -> None:
        """The brain, again."""
        self.brain = self.stage.start(
            "brain",
            module("brain"),
            live=f"{self.url}/health/live",
            environment=self._environment(),
        )

    def kill_brain(self) -> None:
        """`kill -9`."""
        assert self.brain is not None
        os.kill(self.brain.pid, signal.SIGKILL)
        self.brain.process.wait()
        self.stage.running.remove(self.brain)
        self.brain = None

    def is_live(self) -> bool:
        """Whether the brain answers."""
        return self.brain is not None and answers(f"{self.url}/health/live")

    def token(self, user: str) -> str:
        """A person's sign-in."""
        now = time_ns() // 10**9
        claims = {
            "sub": user, "name": user.title(), "role": "user", "iat": now,
            "exp": now + SIGNED_IN_SECONDS, "jti": user,
        }  # fmt: skip
        return jwt.encode(claims, self.secrets["JWT_SECRET_KEY"], algorithm="HS256")

    def ask_brain(self, path: str, body: object = None) -> Any:
        """What the brain answers to an operator; a body makes it a POST. Raises `OSError`."""
        return call(f"{self.url}{path}", body, bearer=self.secrets["SERVICE_TOKEN"])

    def fault(self, **fields: Any) -> None:
        """Something will go wrong in the model server."""
        call(f"{self.ollama_url}/rehearsal/faults", [fields])

    def _environment(self) -> dict[str, str]:
        return {
            **self.secrets,
            "STORE_URL": f"sqlite:///{self.stage.folder}/trollama.db",
            "AUTH_PORT": f"{self.ports['auth']}",
            "AUTH_URL": f"http://127.0.0.1:{self.ports['auth']}",
            "BRAIN_PORT": f"{self.ports['brain']}",
            "OLLAMA_HOST": self.ollama_url,
            "SGLANG_ENDPOINT": "",
            "VRAM_PROFILE": "balanced",
            "VRAM_SOFT_LIMIT_GB": f"{HARD_GB - 4}",
            "VRAM_HARD_LIMIT_GB": f"{HARD_GB}",
            "VRAM_CRASH_WINDOW_SECONDS": "30",
            "OLLAMA_DEFAULT_MODEL": "rnj-1:8b",
            "MEMINFO_FILE": f"{self.machine.meminfo}",
            "PRESSURE_FILE": f"{self.stage.folder / 'pressure'}",
            "VMSTAT_FILE": f"{self.stage.folder / 'vmstat'}",
            "QUEUE_WORKERS": "6",
            "TOKEN_GAP_SECONDS": "4",
            "FIRST_TOKEN_SECONDS": "20",
        }

    def _script(self) -> Path:
        lines = [f"real_memory_mb_per_gb = {MB_PER_GB}"]
        for name, size_gb in MODELS.items():
            lines += ["[[models]]", f'name = "{name}"', f"size_gb = {size_gb}"]
            if name in THINKING:
                lines += ['capabilities = ["completion", "tools", "thinking"]']
        lines += ["[ollama]", "memory_gb = 200", "max_loaded = 8"]
        path = self.stage.folder / "script.toml"
        path.write_text("\n".join(lines))
        return path

    def stalls(self, full: float, scanned: int) -> None:
        """The kernel's figures of stalls: per cent of 10 s, and pages looked at so far."""
        averages = f"avg10={full:.2f} avg60={full:.2f} avg300={full:.2f} total=0"
        for name, text in (
            ("pressure", f"some {averages}\nfull {averages}\n"),
            ("vmstat", f"pgscan_direct {scanned}\n"),
        ):
            fresh = self.stage.folder / f"{name}.new"
            fresh.write_text(text)
            fresh.replace(self.stage.folder / name)


@contextmanager
def running(folder: Path) -> Iterator[Platform]:
    """The platform; afterwards nothing of it is left running."""
    with Stage(folder) as stage:
        machine = SmallMachine(folder, TOTAL_GB, MB_PER_GB, list)
        platform = Platform(stage, machine)
        machine.pids = lambda: platform.runners
        platform.stalls(0, 0)
        with machine.running():
            platform.start()
            yield platform


def dumped(value: Any) -> bytes:
    """Readable JSON."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
