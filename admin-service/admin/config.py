"""The settings of local mode and of the `trollama` command: the environment first, then `.env`."""

from itertools import combinations
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.addresses import ModelServer, OllamaServer, Url
from shared.settings import CommonSettings

Port = Annotated[int, Field(ge=1, le=65535)]
ROOT = Path(__file__).resolve().parents[2]
"""The clone this package is installed from (it is installed as editable)."""

PORTS = (
    "brain_port", "auth_port", "rehearsal_ollama_port", "rehearsal_openai_port",
    "rehearsal_discord_port", "bot_health_port", "ui_port", "logging_port", "logging_health_port",
)  # fmt: skip


class Settings(CommonSettings):
    """Frozen and checked at start."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    brain_port: Port = 8001
    auth_port: Port = 8002
    rehearsal_ollama_port: Port = 11500
    rehearsal_openai_port: Port = 11501
    rehearsal_discord_port: Port = 11502
    bot_health_port: Port = 9997
    logging_health_port: Port = 9998

    ui_port: Port = 8501
    """Where the web chat is opened."""

    dynamodb_port: Port = 8000
    sglang_port: Port = 30000
    """Where DynamoDB Local and SGLang are reached when they run in containers."""

    discord_token: SecretStr | None = Field(default=None, repr=False)
    """With it the bot runs; without it, it talks to the stand-in where models are rehearsed."""

    brain_url: Url = "http://127.0.0.1:8001"
    """Where `trollama` finds the brain; unset, it follows `BRAIN_PORT`."""

    auth_url: Url = "http://127.0.0.1:8002"
    """Where sign-in lives; unset, it follows `AUTH_PORT`."""

    ollama_host: OllamaServer | None = "http://127.0.0.1:11434"
    sglang_endpoint: ModelServer | None = None
    search_url: Url | None = None
    model_servers_file: Path | None = None

    vram_profile: str = "auto"
    """With `performance`, and no SGLANG_ENDPOINT, SGLang is started in a container."""

    cli_login_file: Path | None = None
    """Where `trollama` keeps its sign-in; unset: `data/cli.json` of the clone."""

    @model_validator(mode="after")
    def _each_port_is_used_once(self) -> Self:
        for one, other in combinations(PORTS, 2):
            port = getattr(self, one)
            if port == getattr(self, other):
                raise ValueError(
                    f"{one.upper()} and {other.upper()} are both {port}; every service needs a "
                    "port of its own"
                )
        return self

    @property
    def brain_address(self) -> str:
        """The brain's URL without a slash at the end."""
        return self._address("brain_url", self.brain_url, self.brain_port)

    @property
    def auth_address(self) -> str:
        """The URL of auth-service without a slash at the end."""
        return self._address("auth_url", self.auth_url, self.auth_port)

    @property
    def names_model_server(self) -> bool:
        """Whether the operator said where a model server is."""
        return any(
            name in self.model_fields_set and getattr(self, name)
            for name in ("ollama_host", "sglang_endpoint")
        )

    @property
    def model_servers(self) -> tuple[str, ...]:
        """The addresses where real models are looked for."""
        return tuple(url for url in (self.ollama_host, self.sglang_endpoint) if url)

    def _address(self, name: str, url: str, port: int) -> str:
        chosen = name in self.model_fields_set and url
        return url if chosen else f"http://127.0.0.1:{port}"


class Compose(BaseSettings):
    """What Docker Compose and Hugging Face read themselves; none of our settings."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    compose_project_name: str = "trollama"
    hf_home: Path | None = None

    @property
    def huggingface(self) -> Path:
        """Where downloaded weights are kept."""
        return self.hf_home or Path.home() / ".cache" / "huggingface"
