"""Whether every service would start with these settings: found out before anything is built."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import anyio

SERVICES = ("auth", "brain", "bot", "ui", "logsink")
LOAD = (
    "import importlib, sys; from shared.settings import load_settings; "
    "load_settings(importlib.import_module(sys.argv[1] + '.config').Settings)"
)
"""A process each, because services do not know each other."""


async def wrong_settings(root: Path) -> list[str]:
    """The sentences of the services that would not start, each once; a second's time."""
    sentences: dict[str, None] = {}

    async def load(service: str) -> None:
        done = await anyio.run_process(
            [sys.executable, "-c", LOAD, service],
            cwd=root,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            sentences.update(dict.fromkeys(done.stderr.decode().strip().splitlines()[-3:]))

    async with anyio.create_task_group() as group:
        for service in SERVICES:
            if find_spec(f"{service}.config"):
                group.start_soon(load, service)
    return list(sentences)
