"""Every setting of the web chat: the environment first, then `.env`."""

from math import ceil
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.addresses import Url
from shared.settings import PageSettings, StrongSecret

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(PageSettings):
    """Frozen and checked at start; a wrong value stops the web chat with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    brain_port: Port = 8001
    auth_port: Port = 8002

    service_token: StrongSecret = Field(repr=False)
    """With it auth-service believes from which address a person signs in."""

    brain_url: Url = "http://127.0.0.1:8001"
    """Where this process reaches the brain; unset, it follows `BRAIN_PORT`."""

    auth_url: Url = "http://127.0.0.1:8002"
    """Where this process reaches auth-service; unset, it follows `AUTH_PORT`."""

    auth_public_url: Url | None = None
    """Where browsers reach auth-service; unset: the page's own host, at `AUTH_PORT`."""

    public_url: Url | None = None
    """Where browsers reach the brain; unset: the page's own host, at `BRAIN_PORT`."""

    max_file_size_mb: Annotated[float, Field(gt=0)] = 10
    """The largest file the brain reads, in MB (10^6 bytes)."""

    @property
    def max_file_bytes(self) -> int:
        """The same in bytes."""
        return int(self.max_file_size_mb * 1_000_000)

    @property
    def max_upload_mb(self) -> int:
        """
        What Streamlit takes, in whole MB: more, so that a file that is too large gets our sentence.

        Streamlit itself colours it red and sends the question without it.
        """
        return ceil(self.max_file_size_mb * 4)

    @property
    def brain_address(self) -> str:
        """The brain's URL without a slash at the end."""
        return self._address("brain_url", self.brain_url, self.brain_port)

    @property
    def auth_address(self) -> str:
        """The URL of auth-service without a slash at the end."""
        return self._address("auth_url", self.auth_url, self.auth_port)

    def _address(self, name: str, url: str, port: int) -> str:
        return url if name in self.model_fields_set else f"http://127.0.0.1:{port}"
