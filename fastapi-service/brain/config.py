"""Every setting of the brain: the environment first, then `.env`."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.settings import CommonSettings, SecretSettings, StoreSettings

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Gigabytes = Annotated[float, Field(gt=0)]


OLLAMA_PORT = 11434


def _as_url(address: str | None) -> str | None:
    """`host:port` becomes a URL, an address that means "everywhere" the loopback one."""
    if address is None:
        return None
    text = address.strip()
    if text.count(":") > 1 and "[" not in text and "://" not in text:
        text = f"[{text}]"  # a bare IPv6 address
    url = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme not in ("http", "https") or not url.hostname or port == -1 or " " in text:
        raise ValueError("must be an address like http://host:port")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.hostname, url.hostname)
    host = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{host}{'' if port is None else f':{port}'}{url.path.rstrip('/')}"


def _as_ollama_url(address: str | None) -> str | None:
    """The same with Ollama's own port where none is given (its envconfig does so, too)."""
    url = _as_url(address)
    if url is None or urlsplit(url).port is not None or url.startswith("https"):
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}:{OLLAMA_PORT}{parts.path}"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"names no time zone: {name!r} (for example Europe/Berlin)") from unknown
    return name


Timezone = Annotated[str, AfterValidator(_known_zone)]
Address = Annotated[str | None, AfterValidator(_as_url)]
OllamaAddress = Annotated[str | None, AfterValidator(_as_ollama_url)]


class Settings(CommonSettings, StoreSettings, SecretSettings):
    """Frozen and checked at start; a wrong value stops the brain with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    brain_port: Annotated[int, Field(ge=0, le=65535)] = 8001
    auth_url: str = "http://127.0.0.1:8002"

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = (
        "http://127.0.0.1:8501",
        "http://localhost:8501",
    )
    """Pages that may call us from a browser (CORS and WebSocket), separated by commas."""

    ollama_host: OllamaAddress = "http://127.0.0.1:11434"
    """The Ollama server, `http://host:port` or `host:port`."""

    sglang_endpoint: Address = None
    """An OpenAI-style server whose models are always loaded (SGLang, vLLM, llama.cpp)."""

    ollama_default_model: str | None = None
    """The model of the default route; unset: the profile's."""

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

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        soft, hard = self.vram_soft_limit_gb, self.vram_hard_limit_gb
        if soft is not None and hard is not None and soft > hard:
            raise ValueError("VRAM_SOFT_LIMIT_GB must not exceed VRAM_HARD_LIMIT_GB")
        return self
