"""Files and folders that only their owner may read."""

import os
import secrets
from pathlib import Path


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


def make_private_folder(path: Path) -> None:
    """
    Make `path` for its owner alone, also where the clone brought it along for everybody to read.

    A link to another place stays as it is: how that one is kept is for whoever made the link.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.is_symlink():
        path.chmod(0o700)
