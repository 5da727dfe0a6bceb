"""`.env`: made on first start with strong secrets; later only what is missing is added."""

import os
import re
import secrets
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

SECRETS = ("JWT_SECRET_KEY", "SERVICE_TOKEN")
SECRET_BYTES = 48


def with_secrets(text: str, new_secret: Callable[[], str]) -> tuple[str, list[str]]:
    """
    `text` of an env file with a value for each secret that has none, and the names of those.

    What has a value, good or bad, stays as it is: a service refuses a bad one and names it.
    """
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    added = [name for name in SECRETS if not values.get(name)]
    for name in added:
        empty = re.compile(rf"^[ \t]*(?:export[ \t]+)?{name}[ \t]*(?:=.*)?$", re.MULTILINE)
        line = f"{name}={new_secret()}"
        if empty.search(text):
            text = empty.sub(line, text)
        else:
            text = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"
    return text, added


def ensure_env_file(root: Path) -> list[str]:
    """
    Make `.env` (mode 600) from `.env.example`, or add the secrets it lacks.

    Returns the names of the secrets written; blocks for a file's time.
    """
    path, example = root / ".env", root / ".env.example"
    start = next((one for one in (path, example) if one.exists()), None)
    before = start.read_text() if start else ""
    text, added = with_secrets(before, lambda: secrets.token_urlsafe(SECRET_BYTES))
    if added:
        write_private(path, text)
    return added


def write_private(path: Path, text: str) -> None:
    """Replace `path` as a whole by `text`, readable by its owner only from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
