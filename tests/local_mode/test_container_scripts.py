"""The small programs inside and around the images."""

import http.server
import importlib.util
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


alive = script("container_alive")
packages = script("container_packages")
contents = script("container_contents")


# ------------------------------------------------------------------ the health check


class Answering(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health/live" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(alive, "ALIVE", tmp_path / "alive")
    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_that_answers_is_healthy_and_then_seldom_asked(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(alive.time, "sleep", slept.append)
    assert [alive.main(port), alive.main(port)] == [0, 0]
    assert slept == [alive.REST_SECONDS]


@pytest.mark.parametrize("path", ["/elsewhere", "/health"])
def test_another_answer_than_200_is_not_healthy(port: int, path: str) -> None:
    assert alive.main(port, path) == 1


def test_nobody_listening_is_not_healthy_and_asked_again_soon(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(alive.time, "sleep", slept.append)
    assert [alive.main(port), alive.main(9), alive.main(9)] == [0, 1, 1]
    assert slept == [alive.REST_SECONDS], "after the first failure it does not rest"


# ------------------------------------------------------------------ what is installed


def test_own_packages_are_not_asked_of_an_index() -> None:
    wanted = packages.wanted([str(ROOT / "shared"), str(ROOT / "auth-service")])
    assert any(one.startswith("bcrypt") for one in wanted)
    assert not any("trollama" in one for one in wanted)
    assert wanted == sorted(set(wanted))


def test_what_the_lock_does_not_have_is_named() -> None:
    lock = "Anyio==4.16.0 \\\n    --hash=sha256:0\nidna==3.20 ; x\n"
    assert packages.not_pinned("anyio==4.16.0\nidna==3.20\n", lock) == []
    assert packages.not_pinned("anyio==4.17.0\nevil==1\n", lock) == ["anyio==4.17.0", "evil==1"]


# ------------------------------------------------------------------ what images hold

SECRET = b"a-secret-of-more-than-16-characters"
KEY = b"-----BEGIN RSA " + b"PRIVATE KEY-----\n" + b"A" * 64


def tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("app/.env", b"", "a file of that name"),
        ("app/settings.py", b"x = " + SECRET, "a value of the env file"),
        ("etc/ssl/key.pem", KEY, "a private key"),
        ("etc/uv.toml", b'index-url = "https://me:word@packages.example/x"', "package index"),
    ],
)
def test_a_secret_in_a_layer_is_found_and_not_shown(name: str, content: bytes, found: str) -> None:
    image = tar({"abc/layer.tar": tar({"usr/bin/x": b"fine", name: content}), "VERSION": b"1"})
    [told] = contents.search(io.BytesIO(image), (SECRET,))
    assert found in told
    assert name in told
    assert SECRET.decode() not in told


def test_a_secret_in_the_description_of_an_image_is_found() -> None:
    image = tar({"abc.json": b'{"Env": ["TOKEN=' + SECRET + b'"]}'})
    assert len(list(contents.search(io.BytesIO(image), (SECRET,)))) == 1


def test_libraries_with_keys_for_their_own_tests_are_no_find() -> None:
    assert list(contents.suspicious("opt/venv/lib/site-packages/x/key.pem", KEY, ())) == []


def test_short_values_of_an_env_file_are_no_secrets(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(
        "# A=commented-out-and-long-enough\nPORT=8001\nSERVICE_TOKEN='" + "s" * 32 + "'\n"
    )
    assert contents.secrets_of(env) == (b"s" * 32,)


@pytest.mark.parametrize(
    ("user", "root"), [("", True), ("0", True), ("root", True), ("0:0", True), ("10001", False)]
)
def test_no_user_means_root(user: str, root: bool) -> None:
    assert contents.is_root(user) is root
