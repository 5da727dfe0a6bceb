"""Every setting of the auth service: the environment first, then `.env`."""

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.addresses import Origins
from shared.settings import CommonSettings, SecretSettings, StoreSettings

Registration = Literal["open", "invite", "closed"]


class Settings(CommonSettings, StoreSettings, SecretSettings):
    """Frozen and checked at start; a wrong value stops the service with a sentence."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    auth_port: Annotated[int, Field(ge=0, le=65535)] = 8002

    jwt_expiration_hours: Annotated[float, Field(ge=0.001, le=24 * 366)] = 8
    """Hours a sign-in lasts; fractions are fine."""

    bcrypt_cost: Annotated[int, Field(ge=4, le=16)] = 12
    """Work per password check, doubling with each step: 12 is about 0.2 s of one core."""

    registration: Registration | None = None
    """Who may make an account; unset: open while BIND_ADDRESS is loopback, else closed."""

    allowed_origins: Origins = (
        "http://127.0.0.1:8501",
        "http://localhost:8501",
    )
    """Pages that may call us from a browser, separated by commas."""

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
