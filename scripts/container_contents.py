"""
What is in the images: their user, their packages, their size; and that no secret is in any layer.

`container_contents.py [--json] [--env FILE] IMAGE…`. The layers come from `docker save`. Looked for
are the values of FILE (.env unless said otherwise) that are long enough to be secrets, the names of
files that hold some, private keys, and an address of a package index with a password in it. Exit
code 1 where an image runs as root or something was found.
"""

import argparse
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

MIN_SECRET_CHARS = 16
FILES = frozenset({".env", ".netrc", ".pypirc", "id_rsa", "id_ed25519", "credentials", "pip.conf"})
OF_THE_BASE = frozenset({"etc/pip.conf"})
"""What a base image may bring along; its content is searched all the same."""

LARGEST_BYTES = 32_000_000
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
OF_A_LIBRARY = re.compile(r"/site-packages/|/tests?/|\.so(\.|$)")
"""Libraries bring keys for their own tests along."""

PASSWORD_IN_URL = re.compile(
    rb"(?:index-url|INDEX_URL|DEFAULT_INDEX)\W{1,4}https?://[^\s/@]+:[^\s/@]+@"
)
LIST_PACKAGES = (
    "from importlib.metadata import distributions; "
    "print('\\n'.join(sorted(f'{d.name}=={d.version}' for d in distributions())))"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """One image. `megabytes` are of 10^6 bytes, unpacked."""

    image: str
    user: str
    megabytes: float
    python_packages: tuple[str, ...]
    system_packages: tuple[str, ...]
    found: tuple[str, ...]


def secrets_of(env_file: Path) -> tuple[bytes, ...]:
    """The values of an env file that are long enough to be secrets."""
    if not env_file.is_file():
        return ()
    lines = (line.partition("=") for line in env_file.read_text().splitlines())
    values = (value.strip().strip("'\"") for name, _, value in lines if not name.startswith("#"))
    return tuple(value.encode() for value in values if len(value) >= MIN_SECRET_CHARS)


def suspicious(name: str, content: bytes, secrets: Iterable[bytes]) -> Iterator[str]:
    """What is wrong with a file of a layer, a sentence each. A secret's value is never shown."""
    name = name.removeprefix("./")
    path = PurePosixPath(name)
    if path.name in FILES and name not in OF_THE_BASE:
        yield f"{name}: a file of that name holds secrets"
    if any(secret in content for secret in secrets):
        yield f"{name}: holds a value of the env file"
    if PRIVATE_KEY.search(content) and not OF_A_LIBRARY.search(name):
        yield f"{name}: holds a private key"
    if PASSWORD_IN_URL.search(content):
        yield f"{name}: holds the address of a package index with a password"


def search(archive: IO[bytes], secrets: tuple[bytes, ...]) -> Iterator[str]:
    """The same for every file of every layer, and the image's own description."""
    with tarfile.open(fileobj=archive, mode="r|*") as image:
        for member in image:
            file = image.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            if member.name.endswith(".json"):
                yield from suspicious(member.name, file.read(), secrets)
                continue
            try:
                yield from _search_layer(file, secrets)
            except tarfile.ReadError:
                continue  # a small file of the archive itself, such as VERSION


def _search_layer(layer: IO[bytes], secrets: tuple[bytes, ...]) -> Iterator[str]:
    with tarfile.open(fileobj=layer, mode="r|*") as files:
        for member in files:
            file = files.extractfile(member) if member.isfile() else None
            if file is not None and member.size <= LARGEST_BYTES:
                yield from suspicious(member.name, file.read(), secrets)


def docker(*arguments: str) -> str:
    """What `docker …` prints. Raises `CalledProcessError`."""
    return subprocess.run(["docker", *arguments], capture_output=True, check=True, text=True).stdout


def look(image: str, secrets: tuple[bytes, ...]) -> Contents:
    """One image."""
    [told] = json.loads(docker("image", "inspect", image))
    inside = ("run", "--rm", "--entrypoint")
    python = _lines(*inside, "python", image, "-c", LIST_PACKAGES)
    system = _lines(*inside, "dpkg-query", image, "-W", "-f", "${Package}=${Version}\\n")
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        found = tuple(dict.fromkeys(search(saving.stdout, secrets)))
    return Contents(image, told["Config"]["User"], told["Size"] / 1e6, python, system, found)


def _lines(*command: str) -> tuple[str, ...]:
    try:
        return tuple(docker(*command).split())
    except subprocess.CalledProcessError:  # an image without Python, or not of Debian
        return ()


def is_root(user: str) -> bool:
    """Whether an image's `USER` is root; none is root, too."""
    return user.partition(":")[0] in ("", "0", "root")


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description="What is in the images.")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--env", type=Path, default=Path(".env"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    every = [look(image, secrets_of(given.env)) for image in given.images]
    if given.json:
        print(json.dumps([asdict(one) for one in every], indent=1))
    else:
        for one in every:
            print(f"\n{one.image}: {one.megabytes:.0f} MB, user {one.user or 'root'}")
            print("  " + "\n  ".join((*one.python_packages, *one.system_packages)))
            print("\n".join(f"  FOUND {what}" for what in one.found) or "  no secret in any layer")
    return int(any(is_root(one.user) or one.found for one in every))


if __name__ == "__main__":
    sys.exit(main())
