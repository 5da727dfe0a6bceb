"""
The settings several services have in common, and how settings become a sentence when wrong.

Values come from the environment first, then from `.env` in the working folder. A service's own
`config.py` adds its fields to these by inheritance; the name of a field in capitals is the name of
the variable.
"""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.addresses import BindAddress, Origins, Url, pages_at

SQLITE = "sqlite:///"
DYNAMODB = "dynamodb:"
MIN_SECRET_CHARS = 32
PLACEHOLDER = re.compile(
    r"change.?me|your.?(secret|token|key)|example|placeholder|secret.?key|^(.)\2*$", re.I
)


def _strong(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if len(value) < MIN_SECRET_CHARS:
        raise ValueError(f"needs at least {MIN_SECRET_CHARS} characters, it has {len(value)}")
    if PLACEHOLDER.search(value):
        raise ValueError("still holds a placeholder; put a random value there")
    return secret


def _store(url: str) -> str:
    is_file = url.startswith(SQLITE) and url != SQLITE and not url.endswith("/")
    if not is_file and url != DYNAMODB:
        raise ValueError(
            "must be sqlite:///<path of a file> or dynamodb:, for example "
            "sqlite:///data/trollama.db; please correct it in .env"
        )
    return url


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


StoreUrl = Annotated[str, AfterValidator(_store)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]

StrongSecret = Annotated[SecretStr, AfterValidator(_strong)]
"""A secret of at least 32 characters that is not a placeholder."""


class CommonSettings(BaseSettings):
    """Read by every service."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    bind_address: BindAddress = "127.0.0.1"
    """Address people reach the services at; loopback unless the operator opens it."""

    listen_address: BindAddress | None = None
    """Address this process listens on where that is another: in a container, which is published at
    `bind_address`."""

    log_level: LogLevel = "INFO"

    logging_host: str | None = None
    """Where the log server is; unset: records go to stderr alone."""

    logging_port: Annotated[int, Field(ge=0, le=65535)] = 9999

    @property
    def log_server(self) -> tuple[str, int] | None:
        """Where records are sent beside stderr, or None."""
        return None if self.logging_host is None else (self.logging_host, self.logging_port)

    @property
    def listens_on(self) -> str:
        """The address this process listens on."""
        return self.listen_address or self.bind_address


class PageSettings(CommonSettings):
    """Read by every service that a page in a browser calls, and by the page itself."""

    ui_port: Annotated[int, Field(ge=0, le=65535)] = 8501
    """Where the web chat is opened."""

    allowed_origins: Origins = (
        "http://127.0.0.1:8501",
        "http://localhost:8501",
    )
    """Pages that may call us from a browser (CORS and WebSocket), separated by commas; unset: those
    of the web chat (`UI_PORT`)."""

    @property
    def page_origins(self) -> tuple[str, ...]:
        """The pages that may call us."""
        if "allowed_origins" in self.model_fields_set:
            return self.allowed_origins
        return pages_at(self.ui_port, bind_address=self.bind_address)


class StoreSettings(BaseSettings):
    """Where tables live."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    store_url: StoreUrl = "sqlite:///data/trollama.db"
    """`sqlite:///<path>` (relative to the working folder) or `dynamodb:`."""

    dynamodb_endpoint: Url | None = None
    """Address of DynamoDB Local; unset means AWS itself."""

    dynamodb_region: str = "us-east-1"
    dynamodb_access_key: str | None = None
    dynamodb_secret_key: SecretStr | None = None


class SecretSettings(BaseSettings):
    """What proves who is who; written into `.env` by start.sh on first start."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    jwt_secret_key: StrongSecret = Field(repr=False)
    service_token: StrongSecret = Field(repr=False)


S = TypeVar("S", bound=BaseSettings)


def load_settings(kind: type[S], *, env_file: Path | None = Path(".env")) -> S:
    """
    The settings of a service, or the end of the process with a sentence per wrong variable.

    Raises `SystemExit(2)` after naming each variable and what is wrong with it on stderr.
    """
    try:
        return kind(_env_file=env_file)
    except ValidationError as invalid:
        print(explain(invalid), file=sys.stderr)  # noqa: T201 - there is no log before settings
        raise SystemExit(2) from None
    except SettingsError as unreadable:  # a list or an object that is no JSON
        print(f"Cannot start: {unreadable}.", file=sys.stderr)  # noqa: T201 - as above
        raise SystemExit(2) from None


def explain(invalid: ValidationError) -> str:
    """One line per wrong variable: its name, what is wrong, what to do. Never its value."""
    lines = []
    for error in invalid.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in error["loc"]).upper()
        problem = error["msg"].removeprefix("Value error, ")
        if error["type"] == "missing":
            problem = "is not set; ./start.sh writes it into .env, or set it in the environment"
        elif error["type"] == "literal_error":
            problem = f"must be {error['ctx']['expected']}"
        lines.append(f"Cannot start: {name} {problem}." if name else f"Cannot start: {problem}.")
    return "\n".join(lines)
