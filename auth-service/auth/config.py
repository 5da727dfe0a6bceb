"""Every setting of the auth service: the environment first, then `.env`."""

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.addresses import Url
from shared.settings import PageSettings, SecretSettings, StoreSettings

Registration = Literal["open", "invite", "closed"]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(PageSettings, StoreSettings, SecretSettings):
    """Frozen and checked at start; a wrong value stops the service with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    auth_port: Port = 8002

    brain_url: Url = "http://127.0.0.1:8001"
    """The brain, which forgets who deletes their account; unset, it follows `BRAIN_PORT`."""

    brain_port: Port = 8001

    auth_public_url: Url | None = None
    """How browsers reach this service; unset: the loopback address with AUTH_PORT."""

    discord_client_id: str | None = None
    """The Discord application people may sign in with; unset: they cannot."""

    discord_client_secret: SecretStr | None = Field(default=None, repr=False)
    discord_api_base: Url = "https://discord.com/api/v10"

    jwt_expiration_hours: Annotated[float, Field(ge=0.001, le=24 * 366)] = 8
    """Hours a sign-in lasts; fractions are fine."""

    bcrypt_cost: Annotated[int, Field(ge=4, le=16)] = 12
    """Work per password check, doubling with each step: 12 is about 0.2 s of one core."""

    registration: Registration | None = None
    """Who may make an account; unset: open while BIND_ADDRESS is loopback, else closed."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.discord_client_id is None) != (self.discord_client_secret is None):
            raise ValueError(
                "DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET go together; set both or neither"
            )
        return self

    @property
    def brain_address(self) -> str:
        """The brain over HTTP."""
        chosen = "brain_url" in self.model_fields_set
        return self.brain_url if chosen else f"http://127.0.0.1:{self.brain_port}"

    @property
    def redirect_uri(self) -> str:
        """Where Discord sends browsers back to; it must be listed with the application there."""
        place = self.auth_public_url or f"http://127.0.0.1:{self.auth_port}"
        return f"{place}/oauth/discord/callback"

    @property
    def who_may_register(self) -> Registration:
        """`registration`, or what protocol section 2 says when it is unset."""
        if self.registration is not None:
            return self.registration
        return "open" if _is_loopback(self.bind_address) else "closed"


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
