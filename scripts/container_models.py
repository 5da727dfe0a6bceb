"""
Runs in the brain's image, for ./start.sh: which models its Ollama has, and which the profile uses.

Prints one line of JSON: `host`, `problem` (empty where the server answers), `installed` and
`missing`, names as Ollama writes them. With `--pull` it fetches what is missing first, a line on
stderr for each tenth.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.request import Request, urlopen

from brain.catalogue.choice import choose_profile
from brain.catalogue.profile import ROLES
from brain.config import Settings
from brain.vram.memory.files import Unreadable
from brain.vram.memory.meminfo import read_meminfo
from shared.settings import load_settings

ANSWER_SECONDS = 5
SILENCE_SECONDS = 300
"""How long a server may say nothing while it fetches a model."""


def spelled(name: str) -> str:
    """As Ollama lists it: without a tag it means `latest`."""
    return name if ":" in name else f"{name}:latest"


def used(settings: Settings) -> list[str]:
    """The models of Ollama that the profile gives something to do, each once, in its order."""
    total_gb: float | None = None
    with suppress(Unreadable):
        total_gb = read_meminfo(settings.meminfo_file).total_gb
    profile = choose_profile(
        settings.vram_profile,
        total_gb=total_gb,
        sglang_healthy=settings.sglang_endpoint is not None,
    )
    names = dict.fromkeys(profile.roles[role] for role in ROLES)
    return [name for name in names if profile.models[name].backend == "ollama"]


def ask(url: str, body: dict[str, str] | None = None, *, seconds: float) -> Iterator[Any]:
    """The lines of JSON a server answers with. Raises `OSError` or `HTTPException`."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data), timeout=seconds) as answer:
        for line in answer:
            yield json.loads(line)


def installed(host: str) -> list[str]:
    """What the server has."""
    [tags] = ask(f"{host}/api/tags", seconds=ANSWER_SECONDS)
    return [model["name"] for model in tags["models"]]


def pull(host: str, name: str) -> None:
    """Fetch a model. Raises `OSError` with what the server says went wrong."""
    tenth = 0
    print(f"  {name}: fetching …", file=sys.stderr, flush=True)
    for step in ask(f"{host}/api/pull", {"model": name}, seconds=SILENCE_SECONDS):
        if "error" in step:
            raise OSError(step["error"])
        done = 10 * step.get("completed", 0) // (step.get("total") or 1)
        if done > tenth:
            tenth = done
            print(f"  {name}: {tenth * 10} %", file=sys.stderr, flush=True)


def look(settings: Settings, *, fetch: bool) -> dict[str, Any]:
    """The report."""
    host = settings.ollama_host
    if host is None:
        return {"host": "", "problem": "", "installed": [], "missing": []}
    wanted, there, problem = used(settings), [], ""
    try:
        there = installed(host)
        for name in wanted if fetch else ():
            if spelled(name) not in there:
                pull(host, name)
        there = installed(host)
    except (OSError, HTTPException, ValueError, KeyError) as failed:
        problem = f"{failed}" or type(failed).__name__
    missing = [name for name in wanted if spelled(name) not in there]
    return {"host": host, "problem": problem, "installed": there, "missing": missing}


if __name__ == "__main__":
    print(json.dumps(look(load_settings(Settings), fetch="--pull" in sys.argv[1:])))
