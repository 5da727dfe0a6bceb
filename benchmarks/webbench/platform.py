"""Auth, the brain, a model server and a Streamlit server, each a process of its own."""

import secrets
from dataclasses import dataclass
from time import time_ns

import jwt
import orjson
from bench.processes import OTHER_CPU, Stage, Started, free_port
from bench.stamps import model_name
from bench.targets import BENCHMARKS, module

from webbench.words import pieces

SIGNED_IN_SECONDS = 24 * 3600
PATHS = {"PYTHONPATH": f"{BENCHMARKS}"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What was started, and where people go."""

    brain: Started
    streamlit: Started
    url: str


def start(stage: Stage, *, tokens: int, per_second: int, people: int) -> Platform:
    """Everything, on a new store; what is measured has a CPU of its own."""
    model = model_name(tokens, per_second)
    words, auth, brain, page = (free_port() for _ in range(4))
    secret = secrets.token_urlsafe(48)
    stage.start(
        "words",
        module("webbench.words", "--port", f"{words}", "--models", model),
        live=f"http://127.0.0.1:{words}/api/version",
        cpu=OTHER_CPU,
        environment=PATHS,
    )
    environment = {
        "JWT_SECRET_KEY": secret,
        "SERVICE_TOKEN": secrets.token_urlsafe(48),
        "STORE_URL": f"sqlite:///{stage.folder / 'web.db'}",
        "AUTH_PORT": f"{auth}",
        "AUTH_URL": f"http://127.0.0.1:{auth}",
        "BRAIN_PORT": f"{brain}",
        "OLLAMA_HOST": f"http://127.0.0.1:{words}",
        "SGLANG_ENDPOINT": "",
        "VRAM_PROFILE": "conservative",
        "QUEUE_WORKERS": "100",
        "MAX_QUEUE_SIZE": "100",
        "ALLOWED_ORIGINS": f"http://127.0.0.1:{page}",
        "FREE_TIER_WEEKLY_BUDGET": "1000000000",
    }
    stage.start(
        "auth",
        module("auth"),
        live=f"http://127.0.0.1:{auth}/health/live",
        cpu=OTHER_CPU,
        environment=environment,
    )
    running = stage.start(
        "brain",
        module("brain"),
        live=f"http://127.0.0.1:{brain}/health/live",
        environment=environment,
    )
    settings = stage.folder / "page.json"
    settings.write_bytes(
        orjson.dumps(
            {
                "brain_ws": f"ws://127.0.0.1:{brain}/ws/chat",
                "model": model,
                "tokens": [_sign_in(secret, number) for number in range(people)],
                "answer": "".join(pieces(tokens)),
            }
        )
    )
    return Platform(running, _streamlit(stage, page, f"{settings}"), f"http://127.0.0.1:{page}")


def _streamlit(stage: Stage, port: int, settings: str) -> Started:
    return stage.start(
        "streamlit",
        module(
            "streamlit", "run", f"{BENCHMARKS / 'webbench' / 'page.py'}",
            "--server.port", f"{port}", "--server.address", "127.0.0.1",
            "--server.headless", "true", "--server.fileWatcherType", "none",
            "--browser.gatherUsageStats", "false", "--runner.postScriptGC", "false",
            "--", settings,
        ),
        live=f"http://127.0.0.1:{port}/_stcore/health",
        environment=PATHS,
    )  # fmt: skip


def _sign_in(secret: str, number: int) -> str:
    now = time_ns() // 10**9
    claims = {
        "sub": f"web-{number}", "name": f"Web {number}", "role": "user",
        "iat": now, "exp": now + SIGNED_IN_SECONDS, "jti": f"web-{number}",
    }  # fmt: skip
    return jwt.encode(claims, secret, algorithm="HS256")
