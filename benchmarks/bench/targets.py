"""What is measured: the backend itself, the floor, the whole brain by two doors, and peers."""

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns

import jwt

from bench.processes import OTHER_CPU, Stage, Started, free_port
from bench.stamps import model_name

BENCHMARKS = Path(__file__).resolve().parents[1]
MOST_STREAMS = 1_000
SLOW, FAST = model_name(200, 50), model_name(20, 200)
MODELS = (FAST, SLOW)
PEOPLE_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A target that answers: how the load generator reaches it, and what it consists of."""

    kind: str
    port: int
    path: str
    token: str = ""
    tokens: tuple[str, ...] = ()
    """A sign-in for each person, where everyone has their own connection."""

    measured: tuple[Started, ...] = ()
    model_prefix: str = ""


@dataclass
class Scene:
    """What all targets share: the stage, the backend, and secrets of this run."""

    stage: Stage
    backend: Started
    backend_port: int
    secrets: Mapping[str, str] = field(
        default_factory=lambda: {
            "JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "SERVICE_TOKEN": secrets.token_urlsafe(48),
        }
    )

    @property
    def backend_url(self) -> str:
        return f"http://127.0.0.1:{self.backend_port}"


Begin = Callable[[Scene], Running]


def start_backend(stage: Stage) -> Scene:
    """The model server on the CPU of the load generator."""
    port = free_port()
    started = stage.start(
        "backend",
        module("bench.backend", "--port", f"{port}", "--models", ",".join(MODELS)),
        live=f"http://127.0.0.1:{port}/api/version",
        cpu=OTHER_CPU,
        environment={"PYTHONPATH": f"{BENCHMARKS}"},
    )
    return Scene(stage, started, port)


def module(name: str, *arguments: str) -> list[str]:
    """A command that runs a module of this environment."""
    return [sys.executable, "-m", name, *arguments]


def direct(scene: Scene) -> Running:
    """The backend itself, by Ollama's protocol; its own cost is shown."""
    return Running(
        kind="http", port=scene.backend_port, path="/api/chat", measured=(scene.backend,)
    )


def floor(scene: Scene) -> Running:
    """The least a WebSocket in front of it can do."""
    port = free_port()
    started = scene.stage.start(
        "relay",
        module("bench.relay", "--port", f"{port}", "--backend", scene.backend_url),
        live=f"http://127.0.0.1:{port}/health/live",
        environment={"PYTHONPATH": f"{BENCHMARKS}"},
    )
    return Running(kind="ws", port=port, path="/ws", measured=(started,))


def bot(scene: Scene) -> Running:
    """The whole brain as the Discord bot uses it: one connection, everybody's questions."""
    port, brain = _brain(scene)
    token = scene.secrets["SERVICE_TOKEN"]
    return Running(kind="bot", port=port, path="/ws/discord", token=token, measured=(brain,))


def people(scene: Scene) -> Running:
    """The whole brain as browsers use it: a connection and a sign-in each."""
    port, brain = _brain(scene)
    return Running(
        kind="people",
        port=port,
        path="/ws/chat",
        tokens=tuple(_sign_in(scene, number) for number in range(MOST_STREAMS)),
        measured=(brain,),
    )


def _brain(scene: Scene) -> tuple[int, Started]:
    """Auth and the brain on a new store, as local mode runs them, with room for all streams."""
    auth_port, brain_port = free_port(), free_port()
    store = scene.stage.folder / f"{secrets.token_hex(4)}.db"
    environment = {
        **scene.secrets,
        "STORE_URL": f"sqlite:///{store}",
        "AUTH_PORT": f"{auth_port}",
        "AUTH_URL": f"http://127.0.0.1:{auth_port}",
        "BRAIN_PORT": f"{brain_port}",
        "OLLAMA_HOST": scene.backend_url,
        "SGLANG_ENDPOINT": "",
        "VRAM_PROFILE": "conservative",
        "QUEUE_WORKERS": f"{MOST_STREAMS}",
        "MAX_QUEUE_SIZE": f"{MOST_STREAMS}",
        "DISABLE_TOKEN_BUDGET": "false",
        "FREE_TIER_WEEKLY_BUDGET": "1000000000",
    }
    scene.stage.start(
        "auth",
        module("auth"),
        live=f"http://127.0.0.1:{auth_port}/health/live",
        cpu=OTHER_CPU,
        environment=environment,
    )
    brain = scene.stage.start(
        "brain",
        module("brain"),
        live=f"http://127.0.0.1:{brain_port}/health/live",
        environment=environment,
    )
    return brain_port, brain


def _sign_in(scene: Scene, number: int) -> str:
    now = time_ns() // 10**9
    claims = {
        "sub": f"bench-{number}", "name": f"Bench {number}", "role": "user",
        "iat": now, "exp": now + PEOPLE_SECONDS, "jti": f"bench-{number}",
    }  # fmt: skip
    return jwt.encode(claims, scene.secrets["JWT_SECRET_KEY"], algorithm="HS256")
