"""The checks of `make check` find what they are for."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
HASH = "--hash=sha256:" + "0" * 64


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layout = script("check_layout")
lock = script("check_lock")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("brain/utils/x.py", ""),
        ("brain/services/x.toml", ""),
        ("shared/tests/__init__.py", ""),
        ("brain/long.py", "x = 1\n" * 401),
        ("brain/x.py", "class LoadManager: ...\n"),
        ("brain/x.py", "class BaseModelServer: ...\n"),
        ("brain/x.py", "class _AbstractThing: ...\n"),
        ("README.md", "see /" + "root/notes\n"),
        ("README.md", "see ../" + "shar" + "ed/design\n"),
        (".ci/other", "see ../" + "shared\n"),
    ],
)
def test_a_breach_of_the_layout_is_found(name: str, content: str) -> None:
    assert list(layout.check(name, content))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("brain/vram/x.py", "class Lease: ...\n"),
        ("brain/x.py", "class Handling: ...\n"),
        ("brain/tests/test_long.py", "x = 1\n" * 401),
        ("shared/shared/store/x.py", "'shared/shared/store'\n"),
        (".ci/run", "see ../" + "shared\n"),
    ],
)
def test_what_the_layout_allows_is_left_alone(name: str, content: str) -> None:
    assert list(layout.check(name, content)) == []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("anyio==4.0.0", "has no hash"),
        (f"anyio>=4 {HASH}", "is not pinned"),
        (f"anyio @ https://example.org/a.whl {HASH}", "holds an address"),
        ("--index-url https://example.org/simple", "holds an address"),
    ],
)
def test_a_bad_entry_of_the_lock_is_found(entry: str, problem: str) -> None:
    _, problems = lock.read_lock(f"{entry}\n")
    assert len(problems) == 1
    assert problem in problems[0]


def test_an_entry_for_another_platform_is_no_pin_here() -> None:
    pins, problems = lock.read_lock(f"x==1 ; sys_platform == 'no-such' \\\n    {HASH}\n")
    assert (pins, problems) == ({}, [])


def test_a_dependency_that_is_not_pinned_to_fit_is_found() -> None:
    pins, _ = lock.read_lock(f"anyio==4.0.0 {HASH}\n")
    wanted = [("p", Requirement("anyio>=5")), ("p", Requirement("nothing-like-it"))]
    assert len(lock.missing(wanted, pins, set())) == 2
    assert lock.missing([("p", Requirement("own-package"))], pins, {"own-package"}) == []


def test_what_a_pinned_package_needs_must_be_pinned_too() -> None:
    pins, _ = lock.read_lock((ROOT / "requirements.lock").read_text())
    del pins["anyio"]
    assert any(
        "anyio" in problem
        for problem in lock.missing(lock.declared(ROOT), pins, lock.members(ROOT))
    )
