"""Proves without a network that requirements.lock fits the pyproject files and is complete."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of the lock that applies to this interpreter and platform."""

    name: str
    version: str


def read_lock(text: str) -> tuple[dict[str, Pin], list[str]]:
    """The pins for this machine by canonical name, and what is wrong with the file itself."""
    pins: dict[str, Pin] = {}
    problems: list[str] = []
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        head = entry.split(" --hash")[0].strip()
        if "://" in entry or " @ " in entry or entry.startswith("-"):
            problems.append(f"{head.split()[0]}: holds an address or an option")
            continue
        if not HASH.search(entry):
            problems.append(f"{head}: has no hash")
        requirement = Requirement(head)
        exact = [spec.version for spec in requirement.specifier if spec.operator == "=="]
        if len(exact) != 1:
            problems.append(f"{head}: is not pinned to one version")
        elif requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = Pin(requirement.name, exact[0])
    return pins, problems


def declared(root: Path) -> Iterator[tuple[str, Requirement]]:
    """Each dependency with the file that declares it: every member's, and the root's groups'."""
    for path in sorted([root / "pyproject.toml", *root.glob("*/pyproject.toml")]):
        body = tomllib.loads(path.read_text())
        texts = list(body["project"].get("dependencies", []))
        for group in body.get("dependency-groups", {}).values():
            texts += [text for text in group if isinstance(text, str)]
        yield from ((str(path.relative_to(root)), Requirement(text)) for text in texts)


def members(root: Path) -> set[str]:
    """Canonical names of the workspace's own packages, which the lock leaves out."""
    bodies = (tomllib.loads(path.read_text()) for path in root.glob("*/pyproject.toml"))
    return {canonicalize_name(body["project"]["name"]) for body in bodies}


def missing(
    wanted: Iterable[tuple[str, Requirement]], pins: Mapping[str, Pin], own: set[str]
) -> list[str]:
    """What is asked for by the pyproject files or by a pinned package and is not pinned to fit."""
    problems: list[str] = []
    todo = list(wanted)
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        asker, requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in own or not _applies(requirement):
            continue
        pin = pins.get(name)
        if pin is None:
            problems.append(f"{asker} needs {requirement}, which is not in requirements.lock")
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            problems.append(f"{asker} needs {requirement}, requirements.lock has {pin.version}")
        elif (name, frozenset(requirement.extras)) not in seen:
            seen.add((name, frozenset(requirement.extras)))
            todo += _needs(pin, requirement.extras)
    return problems


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _needs(pin: Pin, extras: Iterable[str]) -> Iterator[tuple[str, Requirement]]:
    """What an installed package asks for; nothing where another version is installed."""
    try:
        if version(pin.name) != pin.version:
            return
        texts = requires(pin.name) or []
    except PackageNotFoundError:
        return
    environment = {key: str(value) for key, value in default_environment().items()}
    for text in texts:
        requirement = Requirement(text)
        marker, requirement.marker = requirement.marker, None
        if marker is None or any(
            marker.evaluate(environment | {"extra": extra}) for extra in ("", *extras)
        ):
            yield pin.name, requirement


def problems_of(root: Path) -> list[str]:
    """Everything wrong with the lock of the workspace in `root`, a sentence each."""
    pins, problems = read_lock((root / "requirements.lock").read_text())
    return problems + missing(declared(root), pins, members(root))


if __name__ == "__main__":
    found = problems_of(ROOT)
    for problem in found:
        print(problem)
    if found:
        print("Run ./scripts/lock.sh.")
    sys.exit(bool(found))
