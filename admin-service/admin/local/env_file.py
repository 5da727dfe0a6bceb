"""`.env`: made on first start with strong secrets; later only what is missing is added."""

import re
import secrets
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from admin.private_file import write_private

MADE = ("JWT_SECRET_KEY", "SERVICE_TOKEN")
SECRET_BYTES = 48


def with_secrets(text: str, new_secret: Callable[[], str]) -> tuple[str, list[str]]:
    """
    `text` of an env file with a value for each secret that has none, and the names of those.

    What has a value, good or bad, stays as it is: a service refuses a bad one and names it.
    """
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    added = [name for name in MADE if not values.get(name)]
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
