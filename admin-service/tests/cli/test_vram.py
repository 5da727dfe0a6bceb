"""`trollama vram` as a process, against a brain of canned answers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from admin.cli.logins import Login, Logins

AUTH = "http://127.0.0.1:9"
RUN = "from admin.cli import main; main()"
LONG = "hf.co/bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M"
AT = "2026-11-21T14:00:00.000Z"
MEMORY: dict[str, Any] = {
    "total_gb": 128.0,
    "used_gb": 94.2,
    "available_gb": 33.8,
    "usage_pct": 73.6,
    "model_usage_gb": 55.5,
    "psi_some_avg10": 0.31,
    "psi_full_avg10": 0.04,
    "kind": "unified",
    "read_at": AT,
    "problem": "",
}
STATUS: dict[str, Any] = {
    "profile": "balanced",
    "orchestrator_enabled": True,
    "policy": "planner",
    "memory": MEMORY,
    "pressure": {"level": "calm", "reason": ""},
    "limits": {"soft_gb": 100.0, "hard_gb": 110.0},
    "loaded_models": [
        {
            "name": "gpt-oss:20b",
            "server": "ollama",
            "state": "ready",
            "size_gb": 13.0,
            "measured": True,
            "priority": "HIGH",
            "leases": 2,
            "idle_seconds": 0.0,
        },
        {
            "name": LONG,
            "server": "ollama",
            "state": "draining",
            "size_gb": 42.5,
            "measured": False,
            "priority": "NORMAL",
            "leases": 1,
            "idle_seconds": None,
        },
    ],
    "loading": [{"name": "big:1b", "server": "ollama", "since": AT, "eta_seconds": 41.2}],
    "waiting": [{"model": "big:1b", "since": AT, "overtaken": 0}] * 2,
    "circuit_breaker": {
        "enabled": True,
        "threshold": 2,
        "window_seconds": 300.0,
        "buffer_gb": 20.0,
        "models": {
            "bad:1b": {
                "state": "half_open",
                "crashes": 2,
                "opened_at": AT,
                "retry_at": AT,
                "reason": "it died",
            }
        },
    },
    "servers": [
        {
            "name": "ollama",
            "url": "http://127.0.0.1:11434",
            "up": False,
            "problem": "connection refused",
            "rehearsal": False,
        }
    ],
    "problems": ["two of MODEL_SERVERS_FILE is not used."],
    "decisions": [
        {
            "at": AT,
            "kind": "evict",
            "model": "big:1b",
            "victims": ["old:1b"],
            "reason": "it is the cheapest to load again",
            "runner_up": ["other:1b"],
            "cost": 3.1,
        }
    ],
}
PLAN = {
    "model": LONG,
    "server": "ollama",
    "fits": True,
    "need_gb": 42.5,
    "free_gb": 12.3,
    "would_evict": [{"model": "old:1b", "size_gb": 30.2, "reason": "idle for 7 min"}],
    "runner_up": ["other:1b"],
    "would_wait_for": ["busy:1b"],
    "why": "It is the cheapest to load again.",
}
PSI = {
    **{f"{who}_avg{span}": 1.25 for who in ("some", "full") for span in (10, 60, 300)},
    "available": True,
    "some_total_us": 12_345_678,
    "full_total_us": 345_678,
    "read_at": AT,
    "problem": "",
}
NAME = "hf.co%2Fa%2Fb%3AQ4"
ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/vram/status"): STATUS,
    ("GET", "/vram/psi"): PSI,
    ("GET", f"/vram/plan/{NAME}"): PLAN,
    ("POST", f"/vram/load/{NAME}"): {"model": "m:1b", "state": "ready", "size_gb": 5.1},
    ("POST", f"/vram/unload/{NAME}"): {"model": "m:1b", "state": "draining"},
    ("POST", "/vram/optimize"): {
        "freed_gb": 5.1,
        "unloaded": [{"model": "m:1b", "size_gb": 5.1}],
    },
    ("POST", "/vram/admin/reconcile"): {
        "registry_count": 3,
        "backend_count": 2,
        "cleaned_count": 1,
        "cleaned_models": ["m:1b"],
        "adopted_models": [],
    },
    ("GET", "/vram/admin/crashes"): STATUS["circuit_breaker"],
    ("DELETE", f"/vram/admin/crashes/{NAME}"): {"model": "m:1b", "cleared": 2},
}


class Canned(ThreadingHTTPServer):
    """Answers what it is told to, and remembers who called with which token."""

    def __init__(self, *, refuse: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.refuse = refuse
        self.calls: list[tuple[str, str, str | None]] = []


class Door(BaseHTTPRequestHandler):
    server: Canned

    def do_GET(self) -> None:
        self.server.calls.append((self.command, self.path, self.headers.get("Authorization")))
        answer = ANSWERS.get((self.command, self.path))
        status = 200 if answer else 404
        if self.server.refuse:
            status = 403
            answer = {"error": {"code": "auth.forbidden", "message": "No.", "retryable": False}}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names the library calls

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def canned(*, refuse: bool = False) -> Iterator[Canned]:
    with Canned(refuse=refuse) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def trollama(server: Canned, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    login = Login(username="ada", token=SecretStr("good-token"), expires_at=4e9)
    Logins(folder / "cli.json").put(AUTH, login)
    environment = {
        "BRAIN_URL": f"http://127.0.0.1:{server.server_address[1]}",
        "AUTH_URL": AUTH,
        "CLI_LOGIN_FILE": f"{folder}/cli.json",
        "COLUMNS": "80",
        "PATH": os.environ["PATH"],
    }
    return subprocess.run(
        [sys.executable, "-c", RUN, "vram", *arguments],
        env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_vram_alone_shows_everything_to_everybody_within_80_columns(tmp_path: Path) -> None:
    with canned() as server:
        shown = trollama(server, tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert server.calls == [("GET", "/vram/status", None)]
    for words in (
        "73.6 % used, 33.8 GB of 128.0 GB available, unified",
        "55.5 GB of 110.0 GB, soft limit 100.0 GB",
        "balanced, policy planner",
        "some 0.3 %, full 0.0 % of the last 10 s",
        "down: connection refused",
        "Problem two of MODEL_SERVERS_FILE is not used.",
        "~42.5",
        "Loading big:1b on ollama, about 41 s left",
        "Waiting for big:1b: 2",
        "Breaker of bad:1b: half open",
        "evict old:1b for big:1b: it is the cheapest to load again (else other:1b)",
    ):
        assert words in unwrapped(shown.stdout), words
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "method", "path", "said"),
    [
        ("plan", "GET", f"/vram/plan/{NAME}", "on ollama needs 42.5 GB; 12.3 GB are free."),
        ("plan", "GET", f"/vram/plan/{NAME}", "idle for 7 min"),
        ("load", "POST", f"/vram/load/{NAME}", "m:1b is in memory, 5.1 GB."),
        ("unload", "POST", f"/vram/unload/{NAME}", "m:1b is in use; it leaves memory after"),
        ("optimize", "POST", "/vram/optimize", "Freed 5.1 GB: m:1b (5.1 GB)."),
        ("reconcile", "POST", "/vram/admin/reconcile", "3 in the books, 2 on the servers. Clea"),
        ("crashes", "GET", "/vram/admin/crashes", "A model that crashes 2 times in 300 s"),
        ("crashes clear", "DELETE", f"/vram/admin/crashes/{NAME}", "Forgot 2 crashes of m:1b."),
    ],
)
def test_an_operators_command_says_what_came_of_it(
    tmp_path: Path, arguments: str, method: str, path: str, said: str
) -> None:
    names = ["hf.co/a/b:Q4"] if path.endswith(NAME) else []
    with canned() as server:
        shown = trollama(server, tmp_path, *arguments.split(), *names)
    assert shown.returncode == 0, shown.stderr
    assert server.calls == [(method, path, "Bearer good-token")]
    assert said in unwrapped(shown.stdout)


def test_psi_is_a_table_of_spans(tmp_path: Path) -> None:
    with canned() as server:
        shown = trollama(server, tmp_path, "psi")
    assert "at least one process 1.2 % 1.2 % 1.2 % 12 s" in unwrapped(shown.stdout)


def test_who_is_no_operator_learns_how_to_become_one(tmp_path: Path) -> None:
    with canned(refuse=True) as server:
        shown = trollama(server, tmp_path, "optimize")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "trollama login" in shown.stderr
    assert "auth.setup_admin" in shown.stderr
