"""Every setting of the bot: the environment first, then `.env`."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.addresses import Url
from shared.settings import CommonSettings, StrongSecret

DISCORD_API = "https://discord.com/api/v10"
DISCORD_GATEWAY = "wss://gateway.discord.gg"


def _listed(value: object) -> object:
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.split(",") if part.strip())
    return value


def _socket(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError("must be an address like ws://host:port/path")
    return url.strip()


Ids = Annotated[frozenset[int], NoDecode, BeforeValidator(_listed)]
"""Discord ids, in the environment separated by commas; empty means all (or none, where said)."""

SocketUrl = Annotated[str, AfterValidator(_socket)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(CommonSettings):
    """Frozen and checked at start; a wrong value stops the bot with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    service_token: StrongSecret = Field(repr=False)

    discord_token: SecretStr | None = Field(default=None, repr=False)
    """The bot's token from Discord's developer portal."""

    discord_api_base: Url = DISCORD_API
    discord_gateway_url: SocketUrl = DISCORD_GATEWAY

    discord_allowed_guilds: Ids = frozenset()
    discord_allowed_channels: Ids = frozenset()
    discord_allowed_roles: Ids = frozenset()
    discord_allowed_users: Ids = frozenset()

    discord_admin_ids: Ids = frozenset()
    """Who may use the operators' commands beside linked accounts with the role admin."""

    discord_talk_channels: Ids = frozenset()
    """Channels where the bot answers everything, without being mentioned."""

    discord_plain_channels: Ids = frozenset()
    """Channels where answers come as replies, without a thread."""

    fastapi_ws_url: SocketUrl = "ws://127.0.0.1:8001/ws/discord"
    """Where the brain's socket is; unset, it follows `BRAIN_URL` and `BRAIN_PORT`."""

    brain_url: Url = "http://127.0.0.1:8001"
    brain_port: Port = 8001
    auth_url: Url = "http://127.0.0.1:8002"
    auth_port: Port = 8002
    bot_health_port: Port = 9997

    stream_chunk_interval: Annotated[float, Field(gt=0, le=60)] = 1.1
    """Seconds between two edits where Discord has not said how many it takes."""

    max_stream_chunk_size: Annotated[int, Field(ge=200, le=2000)] = 1900
    """Characters after which an answer goes on in another message."""

    max_file_size_mb: Annotated[float, Field(gt=0, le=1000)] = 10

    @property
    def brain_address(self) -> str:
        """The brain over HTTP."""
        chosen = "brain_url" in self.model_fields_set
        return self.brain_url if chosen else f"http://127.0.0.1:{self.brain_port}"

    @property
    def auth_address(self) -> str:
        """The auth service over HTTP."""
        chosen = "auth_url" in self.model_fields_set
        return self.auth_url if chosen else f"http://127.0.0.1:{self.auth_port}"

    @property
    def brain_socket(self) -> str:
        """The brain's door for bots."""
        if "fastapi_ws_url" in self.model_fields_set:
            return self.fastapi_ws_url
        return self.brain_address.replace("http", "ws", 1) + "/ws/discord"
