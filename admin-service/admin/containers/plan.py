"""What is started on this machine: profiles of the compose files, and addresses for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from admin.config import Settings
from admin.local.programs import STAND_IN_TOKEN

HOST = "host.docker.internal"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})
SGLANG = "http://sglang-server:30000"
SGLANG_FROM_GB = 112.0
"""The border of the profile `performance` (protocol section 6)."""

WEIGHTS = ("models--openai--gpt-oss-120b", "models--lmsys--EAGLE3-gpt-oss-120b-bf16")
"""How the cache of Hugging Face calls what SGLang loads."""

OWN = {"sglang-server": "performance", "ollama": "ollama", "searxng": "search"}
"""Services of the compose file that a profile starts."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found here. Memory in GB of 10^9 bytes."""

    memory_gb: float
    gpu_in_containers: bool
    weights_missing: tuple[str, ...]
    ollama_answers: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What Docker Compose is told, and what the person is told about it."""

    rehearsal: bool
    profiles: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None


def from_inside(url: str) -> str:
    """`url` as a container reaches it: what is at this machine's loopback is at its host."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        return url
    place = HOST if parts.port is None else f"{HOST}:{parts.port}"
    return urlunsplit(parts._replace(netloc=place))


def make_plan(settings: Settings, machine: Machine, *, root: Path, rehearsal: bool) -> Plan:
    """What to start. A contradiction is a `trouble`, a sentence."""
    sglang = settings.sglang_endpoint or _own_sglang(settings, machine)
    real = settings.names_model_server or machine.ollama_answers or sglang is not None
    if rehearsal or not real:
        return _rehearsed(settings, root)
    addresses = {
        "OLLAMA_HOST": settings.ollama_host,
        "SGLANG_ENDPOINT": sglang,
        "SEARCH_URL": settings.search_url,
    }
    given = {name: url for name, url in addresses.items() if url}
    hosts = {urlsplit(url).hostname for url in given.values()}
    profiles = tuple(sorted(profile for name, profile in OWN.items() if name in hosts))
    return Plan(
        rehearsal=False,
        profiles=profiles,
        environment={name: from_inside(url) for name, url in given.items()}
        | _servers_file(settings, root),
        trouble=_sglang_trouble(machine) if "performance" in profiles else None,
    )


def _own_sglang(settings: Settings, machine: Machine) -> str | None:
    """SGLang in a container where that was chosen, or where everything for it is there."""
    able = machine.gpu_in_containers and not machine.weights_missing
    suits = machine.memory_gb >= SGLANG_FROM_GB and able
    chosen = settings.vram_profile
    return SGLANG if chosen == "performance" or (chosen == "auto" and suits) else None


def _sglang_trouble(machine: Machine) -> str | None:
    if not machine.gpu_in_containers:
        return (
            "The profile performance runs SGLang in a container, and Docker cannot give containers "
            "the GPU here: install the NVIDIA Container Toolkit, or set VRAM_PROFILE=balanced."
        )
    if machine.weights_missing:
        wanted = " && ".join(
            f"hf download {name.removeprefix('models--').replace('--', '/')}"
            for name in machine.weights_missing
        )
        return f"SGLang's weights are not there yet; fetch them first: {wanted}"
    return None


def _rehearsed(settings: Settings, root: Path) -> Plan:
    place = "rehearsal"
    environment = {
        "OLLAMA_HOST": f"http://{place}:11500",
        "SGLANG_ENDPOINT": f"http://{place}:11501",
    }
    if settings.discord_token is None:
        environment |= {
            "DISCORD_TOKEN": STAND_IN_TOKEN,
            "DISCORD_API_BASE": f"http://{place}:11502/api/v10",
            "DISCORD_GATEWAY_URL": f"ws://{place}:11502/gateway",
        }
    return Plan(
        rehearsal=True,
        profiles=("rehearsal",),
        environment=environment | _servers_file(settings, root),
    )


def _servers_file(settings: Settings, root: Path) -> dict[str, str]:
    """Compose takes a name without a slash for a volume's."""
    file = settings.model_servers_file
    return {} if file is None else {"MODEL_SERVERS_FILE": f"{(root / file).resolve()}"}
