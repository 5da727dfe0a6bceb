"""Every setting of the brain: the environment first, then `.env`."""

import re
from math import inf
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.addresses import ModelServer, OllamaServer, Origins, Url
from shared.settings import CommonSettings, SecretSettings, StoreSettings

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
DURATION = re.compile(rf"[+-]?({DURATION_PART.pattern})+")
WHOLE_SECONDS = re.compile(r"[+-]?\d{1,9}")
Gigabytes = Annotated[float, Field(gt=0)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"names no time zone: {name!r} (for example Europe/Berlin)") from unknown
    return name


def _seconds(value: object) -> object:
    """
    A duration as Ollama's `OLLAMA_KEEP_ALIVE` has it, in seconds; a negative one is for ever.

    Whole seconds, or parts like `1h30m` (Go's time.ParseDuration; envconfig.KeepAlive in Ollama).
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if WHOLE_SECONDS.fullmatch(text):
        seconds = float(text)
    elif DURATION.fullmatch(text):
        parts = DURATION_PART.findall(text)
        seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
        seconds = -seconds if text.startswith("-") else seconds
    else:
        raise ValueError("must be a time like 5m, 24h, 300 (seconds), 0, or -1 for always")
    return inf if seconds < 0 else seconds


KeepAlive = Annotated[float, BeforeValidator(_seconds)]
Timezone = Annotated[str, AfterValidator(_known_zone)]


class Settings(CommonSettings, StoreSettings, SecretSettings):
    """Frozen and checked at start; a wrong value stops the brain with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    brain_port: Annotated[int, Field(ge=0, le=65535)] = 8001
    auth_url: Url = "http://127.0.0.1:8002"

    allowed_origins: Origins = (
        "http://127.0.0.1:8501",
        "http://localhost:8501",
    )
    """Pages that may call us from a browser (CORS and WebSocket), separated by commas."""

    ollama_host: OllamaServer | None = "http://127.0.0.1:11434"
    """The Ollama server, `http://host:port` or `host:port`."""

    sglang_endpoint: ModelServer | None = None
    """An OpenAI-style server whose models are always loaded (SGLang, vLLM, llama.cpp)."""

    ollama_default_model: str | None = None
    """The model of everyday questions, and when routing fails; unset: the profile's."""

    ollama_keep_alive: KeepAlive | None = None
    """How long a model that nobody uses stays in memory, in seconds; unset: the profile's."""

    meminfo_file: Path = Path("/proc/meminfo")
    """Where the total memory is read for `VRAM_PROFILE=auto`."""

    vram_profile: str = "auto"
    """Which models exist and what each route uses; `auto` looks at the machine."""

    vram_soft_limit_gb: Gigabytes | None = None
    vram_hard_limit_gb: Gigabytes | None = None
    """Memory all loaded models together may take, in GB (10^9 bytes); unset: the profile's."""

    max_queue_size: Count = 50
    """Questions that may wait; those being answered do not count."""

    queue_workers: Annotated[int, Field(ge=1, le=1000)] = 4
    """Questions answered at the same time."""

    max_retries: Count = 3
    """Attempts in all before a question is given up."""

    visibility_timeout: Seconds = 1200
    """Seconds a running question may go without a heartbeat before it is taken back."""

    backend_wait_seconds: Annotated[float, Field(ge=0)] = 300
    """How long a question waits for a model server that does not answer."""

    router_deadline_seconds: Seconds = 8
    """How long choosing the route may take before the default route is used."""

    first_token_seconds: Seconds = 300
    """How long a loaded model may stay silent before its first token."""

    token_gap_seconds: Seconds = 120
    """How long a model may stay silent between two tokens."""

    enable_streaming: bool = True
    """Whether answers are shown while they grow."""

    free_tier_weekly_budget: Count = 100_000
    admin_tier_weekly_budget: Count = 500_000
    """Tokens a person or an admin may use from Monday to Monday."""

    disable_token_budget: bool = True
    """Whether tokens are counted without a limit."""

    budget_timezone: Timezone = "UTC"
    """Where Monday 00:00 is, a name of the IANA time zone database."""

    maintenance_mode: bool = False
    maintenance_mode_hard: bool = False
    """The states a new installation starts in; afterwards the switches over HTTP are kept."""

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        soft, hard = self.vram_soft_limit_gb, self.vram_hard_limit_gb
        if soft is not None and hard is not None and soft > hard:
            raise ValueError("VRAM_SOFT_LIMIT_GB must not exceed VRAM_HARD_LIMIT_GB")
        return self
