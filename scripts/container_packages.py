"""
What a service's image installs, and whether all of it came from `requirements.lock`.

`wanted FOLDER…` prints what the pyproject.toml files of these folders ask for, without the packages
of this repository: the images copy those. `pinned LOCK` reads `pip freeze` lines and fails for each
that is not in the lock. Needs nothing but Python: it runs while an image is built.
"""

import re
import sys
import tomllib
from pathlib import Path

OWN = "trollama-"
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)", re.MULTILINE)


def wanted(folders: list[str]) -> list[str]:
    """The requirements of these folders' packages, each once, sorted."""
    asked: set[str] = set()
    for folder in folders:
        project = tomllib.loads((Path(folder) / "pyproject.toml").read_text())["project"]
        asked.update(one for one in project["dependencies"] if not one.startswith(OWN))
    return sorted(asked)


def not_pinned(installed: str, lock: str) -> list[str]:
    """The `name==version` lines of `installed` that `lock` does not have."""
    pins = {f"{found['name'].lower()}=={found['version']}" for found in PIN.finditer(lock)}
    return [one for one in installed.split() if one.lower() not in pins]


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    match arguments:
        case ["wanted", *folders] if folders:
            print("\n".join(wanted(folders)))
        case ["pinned", lock]:
            strangers = not_pinned(sys.stdin.read(), Path(lock).read_text())
            if strangers:
                sys.exit(f"not in {lock}: {', '.join(strangers)}; run scripts/lock.sh")
        case _:
            sys.exit("usage: container_packages.py wanted FOLDER… | pinned LOCK")


if __name__ == "__main__":
    main(sys.argv[1:])
