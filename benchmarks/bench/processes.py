"""Processes of a run: started on one CPU each, waited for, and stopped by their process id."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import orjson
import psutil

MEASURED_CPU = 0
OTHER_CPU = 1
LIVE_SECONDS = 120.0
STOP_SECONDS = 10.0
ENVIRONMENT = dict(os.environ)  # noqa: TID251 - children inherit PATH, HOME and the proxies


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def can_pin() -> bool:
    """Whether there are two CPUs, and a system that keeps a process on one of them."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) >= 2


@dataclass
class Started:
    """One process of the run."""

    process: subprocess.Popen[bytes]
    ready_seconds: float = 0.0

    @property
    def pid(self) -> int:
        return self.process.pid


@dataclass
class Stage:
    """Everything started in one folder; `with` stops whatever still runs."""

    folder: Path
    nice: int = 0
    running: list[Started] = field(default_factory=list)

    def __enter__(self) -> "Stage":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for started in reversed(self.running):
            stop(started.process)

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        live: str,
        cpu: int = MEASURED_CPU,
        environment: Mapping[str, str] | None = None,
    ) -> Started:
        """Start `command` and wait until the URL `live` answers. Raises `RuntimeError`."""
        log = self.folder / f"{name}.log"
        began = monotonic()
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*pinned(cpu, self.nice), *command],
                cwd=self.folder,
                env=ENVIRONMENT | dict(environment or {}),
                stdout=output,
                stderr=output,
            )
        started = Started(process)
        self.running.append(started)
        while monotonic() - began < LIVE_SECONDS:
            if process.poll() is not None:
                break
            if answers(live):
                started.ready_seconds = round(monotonic() - began, 2)
                return started
            sleep(0.02)
        raise RuntimeError(f"{name} did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")

    def stop(self, started: Started) -> None:
        """Stop one of them."""
        stop(started.process)
        self.running.remove(started)


def pinned(cpu: int, nice: int = 0) -> list[str]:
    """The words before a command that keep it on one CPU (with `exec`, so the pid stays)."""
    code = (
        "import os,sys;"
        + (f"os.sched_setaffinity(0,{{{cpu}}});" if can_pin() else "")
        + (f"os.nice({nice});" if nice else "")
        + "os.execv(sys.argv[1],sys.argv[1:])"
    )
    return [sys.executable, "-c", code]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: asked first, killed after ten seconds."""
    if process.poll() is not None:
        return
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()


def answers(url: str) -> bool:
    """Whether anything with a status below 500 answers there."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code < 500
    except OSError:
        return False


def call(url: str, body: object = None, *, bearer: str = "") -> Any:
    """The JSON answer of an HTTP call. Raises `OSError`."""
    request = urllib.request.Request(
        url,
        None if body is None else orjson.dumps(body),
        {"Content-Type": "application/json"}
        | ({"Authorization": f"Bearer {bearer}"} if bearer else {}),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return orjson.loads(answer.read())
