"""Looking at the machine: memory, GPU, disk, weights, an Ollama."""

import shutil
from pathlib import Path

import psutil

from admin.containers.engine import Docker
from admin.containers.plan import WEIGHTS, Machine
from admin.local.health import answers
from admin.local.up import OLLAMA_VERSION

NEEDED_GB = 6.0
"""For images and what building them takes; they have 3 GB together."""


async def look(docker: Docker, *, huggingface: Path) -> Machine:
    """What `make_plan` wants to know."""
    info = await docker.run("info", "--format", "{{range $name, $_ := .Runtimes}}{{$name}} {{end}}")
    hub = huggingface / "hub"
    return Machine(
        memory_gb=psutil.virtual_memory().total / 1e9,
        gpu_in_containers="nvidia" in info.out.split(),
        weights_missing=tuple(name for name in WEIGHTS if not (hub / name).is_dir()),
        ollama_answers=await answers(OLLAMA_VERSION),
    )


async def disk_trouble(docker: Docker, *, needed_gb: float = NEEDED_GB) -> str | None:
    """A sentence where the engine's disk is too full for the images, None where it is not."""
    info = await docker.run("info", "--format", "{{.DockerRootDir}}")
    place = Path(info.out.strip())
    try:
        free_gb = shutil.disk_usage(place).free / 1e9
    except OSError:  # the engine is on another machine, or keeps its folder to itself
        return None
    if free_gb >= needed_gb:
        return None
    return (
        f"Docker's disk ({place}) has {free_gb:.1f} GB free, and the images need {needed_gb:.0f} "
        "while they are built: free some (docker system df shows what Docker itself holds)."
    )
