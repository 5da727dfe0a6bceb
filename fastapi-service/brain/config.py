"""Every setting of the brain: the environment first, then `.env`."""

import re
from collections.abc import Callable
from math import inf, isfinite, nan
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.addresses import ModelServer, OllamaServer, Url, identity
from shared.settings import PageSettings, SecretSettings, StoreSettings

UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
DURATION = re.compile(rf"[+-]?({DURATION_PART.pattern})+")
WHOLE_SECONDS = re.compile(r"[+-]?\d{1,9}")


def _number(words: str, fits: Callable[[float], bool]) -> BeforeValidator:
    """Refuses what is no finite number or does not fit, in `words`."""

    def check(value: Any) -> Any:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = nan
        if not (isfinite(number) and fits(number)):
            raise ValueError(f"must be {words}")
        return value

    return BeforeValidator(check)


def _is_count(number: float) -> bool:
    return number >= 1 and number.is_integer()


Seconds = Annotated[float, _number("a number of seconds above 0", lambda given: given > 0)]
Count = Annotated[int, _number("a whole number, 1 or more", _is_count)]
Gigabytes = Annotated[float, _number("a number of GB above 0", lambda given: given > 0)]
SpareGigabytes = Annotated[float, _number("a number of GB, 0 or more", lambda given: given >= 0)]
Megabytes = Annotated[float, _number("a number of MB above 0", lambda given: given > 0)]
Hours = Annotated[float, _number("a number of hours above 0", lambda given: given > 0)]
Percent = Annotated[
    float, _number("a share of time in per cent, above 0, at most 100", lambda x: 0 < x <= 100)
]


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


class MemorySettings(BaseSettings):
    """What may be in memory, who leaves, and where the facts about it are read."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    vram_profile: str = "auto"
    """Which models exist and what each route uses; `auto` looks at the machine."""

    vram_enable_orchestrator: bool = True
    """Whether we decide who leaves memory; off, models are loaded when they are asked for and the
    server decides the rest."""

    vram_policy: Literal["planner", "gdsf", "lru", "documents"] = "planner"
    """How those who leave are chosen; `documents`: by priority, then least recently used."""

    vram_conservative_mode: bool = False
    """Whether a model leaves memory after each request."""

    vram_soft_limit_gb: Gigabytes | None = None
    vram_hard_limit_gb: Gigabytes | None = None
    max_model_memory_gb: Gigabytes | None = None
    """Memory all loaded models together may take, in GB (10^9 bytes); unset: the profile's. The
    smaller of the last two counts."""

    vram_reserve_gb: SpareGigabytes | None = None
    """Memory of the machine that no load may touch; unset: 5 % of it, 2 GB at least."""

    vram_psi_warning_threshold: Percent = 10.0
    vram_psi_critical_threshold: Percent = 15.0
    """PSI `full avg10` above which LOW, and NORMAL, models leave memory."""

    vram_circuit_breaker_enabled: bool = True
    vram_crash_threshold: Count = 2
    vram_crash_window_seconds: Seconds = 300.0
    """A model that crashes so often in so many seconds is held back."""

    vram_circuit_breaker_buffer_gb: SpareGigabytes = 20.0
    """Memory that is freed beside a model which crashed, before it is tried again."""

    meminfo_file: Path = Path("/proc/meminfo")
    pressure_file: Path = Path("/proc/pressure/memory")
    vmstat_file: Path = Path("/proc/vmstat")
    """Where the facts about memory are read; a plain file is read once a second and believed."""

    model_servers_file: Path | None = None
    """A JSON list of further model servers, read again when it changes."""

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        soft, hard = self.vram_soft_limit_gb, self.vram_hard_limit_gb
        if soft is not None and hard is not None and soft > hard:
            raise ValueError("VRAM_SOFT_LIMIT_GB must not exceed VRAM_HARD_LIMIT_GB")
        if self.vram_psi_warning_threshold > self.vram_psi_critical_threshold:
            raise ValueError(
                "VRAM_PSI_WARNING_THRESHOLD must not exceed VRAM_PSI_CRITICAL_THRESHOLD"
            )
        return self


class FileSettings(BaseSettings):
    """Files that people send and files that answers hand over."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    max_file_size_mb: Megabytes = 10
    """The largest file that is read, in MB (10^6 bytes)."""

    upload_cleanup_hours: Hours = 1
    """Hours a sent file is kept; one that a waiting question needs stays until its end."""

    artifact_ttl_hours: Hours = 12
    """Hours a file that came out of an answer can be fetched, and the longest a link to it is
    good."""

    public_url: Url | None = None
    """What links to files begin with; unset: the loopback address of the brain."""

    discord_api_base: Url = "https://discord.com/api/v10"
    """Discord's HTTP interface, or a stand-in; files are also taken from its host."""


class Settings(PageSettings, StoreSettings, SecretSettings, MemorySettings, FileSettings):
    """Frozen and checked at start; a wrong value stops the brain with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    brain_port: Annotated[int, Field(ge=0, le=65535)] = 8001
    auth_url: Url = "http://127.0.0.1:8002"

    ollama_host: OllamaServer | None = "http://127.0.0.1:11434"
    """The Ollama server, `http://host:port` or `host:port`."""

    sglang_endpoint: ModelServer | None = None
    """An OpenAI-style server whose models are always loaded (SGLang, vLLM, llama.cpp)."""

    ollama_default_model: str | None = None
    """The model of everyday questions, and when routing fails; unset: the profile's."""

    ollama_keep_alive: KeepAlive | None = None
    """How long a model that nobody uses stays in memory, in seconds; unset: the profile's."""

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

    search_url: Url | None = None
    """A SearXNG that searches the web; unset: public engines, by the library ddgs."""

    fetch_allow: str = ""
    """Private hosts whose pages may be read all the same: `host:port` or networks, by commas."""

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
    def _servers_are_two(self) -> Self:
        ollama, other = self.ollama_host, self.sglang_endpoint
        if ollama and other and identity(ollama) == identity(other):
            raise ValueError("SGLANG_ENDPOINT must be another server than OLLAMA_HOST")
        return self
