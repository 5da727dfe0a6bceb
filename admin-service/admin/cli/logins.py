"""The sign-ins this terminal keeps, one for each installation, in a file only its owner reads."""

from pathlib import Path

import typer
from pydantic import BaseModel, ConfigDict, RootModel, SecretStr, ValidationError, field_serializer

from admin.config import ROOT, Settings
from admin.private_file import write_private


class Login(BaseModel):
    """Who is signed in somewhere. `password` only for the account a terminal made for itself."""

    model_config = ConfigDict(frozen=True)

    username: str
    token: SecretStr
    expires_at: float
    password: SecretStr | None = None

    @field_serializer("token", "password", when_used="json")
    def _reveal(self, secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret else None


class _File(RootModel[dict[str, Login]]):
    """By the address of auth-service: a token goes to nobody but who gave it."""


class Logins:
    """Reads the file every time: two terminals share it. Blocks for a small file's time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, address: str) -> Login | None:
        """The sign-in for that installation."""
        return self._read().get(address)

    def put(self, address: str, login: Login | None) -> None:
        """Keep a sign-in, or forget it (None)."""
        logins = self._read()
        logins.pop(address, None)
        if login is not None:
            logins[address] = login
        write_private(self._path, _File(logins).model_dump_json(indent=1))

    def _read(self) -> dict[str, Login]:
        try:
            return dict(_File.model_validate_json(self._path.read_bytes()).root)
        except (OSError, ValidationError):
            return {}


def login_file(settings: Settings, *, root: Path = ROOT) -> Path:
    """Where the sign-ins are: as set, else in the clone's `data/`, else in the user's folder."""
    if settings.cli_login_file is not None:
        return settings.cli_login_file
    if (root / "start.sh").exists():
        return root / "data" / "cli.json"
    return Path(typer.get_app_dir("trollama")) / "cli.json"
