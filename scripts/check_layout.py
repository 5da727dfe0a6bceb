"""Checks what CONTRIBUTING.md says about files, folders and names, on all files git knows."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400
PATTERN_FOLDERS = {
    "interfaces", "implementations", "services", "strategies", "utils", "managers", "helpers",
}  # fmt: skip
PATTERN_CLASS = re.compile(r"^_?(Base|Abstract)[A-Z]|(Manager|Service|Handler|Helper|Impl)$")
# Written in pieces, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + "root|work" + r")/\w")
DESIGN_FOLDER = re.compile(
    r"\.\./" + "shared" + r"\b|(?<![\w/])" + "shared" + r"/(?:design|research)\b"
)
MAY_NAME_DESIGN_FOLDER = {".ci/run"}
"""The one script that may look for tools lying beside the clone."""


def tracked(root: Path) -> list[str]:
    """The files git knows or would add, as paths below `root`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode()
    return [name for name in listing.split("\0") if name and (root / name).is_file()]


def check(name: str, content: str) -> Iterator[str]:
    """What is wrong with the file `name` (path below the root, with slashes), a sentence each."""
    path = PurePosixPath(name)
    in_tests = "tests" in path.parts
    for folder in sorted(PATTERN_FOLDERS.intersection(path.parts[:-1])):
        yield f"a folder is a concept of the product, not a pattern: {folder!r}"
    if in_tests and path.name == "__init__.py":
        yield "test folders hold no __init__.py"
    yield from _words(name, content)
    if path.suffix == ".py":
        lines = content.count("\n")
        if lines > MAX_LINES and not in_tests:
            yield f"{lines} lines; the wall is {MAX_LINES}"
        if not in_tests:
            yield from _class_names(content)


def _words(name: str, content: str) -> Iterator[str]:
    for number, line in enumerate(content.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f"line {number} names a path of one machine"
        if name not in MAY_NAME_DESIGN_FOLDER and DESIGN_FOLDER.search(line):
            yield f"line {number} names a folder outside the repository"


def _class_names(content: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.ClassDef) and PATTERN_CLASS.search(node.name):
            yield f"line {node.lineno}: class {node.name} is named after a pattern"


def problems_of(root: Path, files: Callable[[Path], list[str]] = tracked) -> list[str]:
    """Everything wrong below `root`, one `path: sentence` each."""
    found = []
    for name in files(root):
        try:
            content = (root / name).read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {problem}" for problem in check(name, content)]
    return found


if __name__ == "__main__":
    found = problems_of(ROOT)
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
