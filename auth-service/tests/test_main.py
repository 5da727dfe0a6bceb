"""The service as a process of its own."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

SECRETS = {"JWT_SECRET_KEY": "only-for-tests-" + "jw" * 16, "SERVICE_TOKEN": "t-" + "sv" * 16}
COMMAND = [sys.executable, "-m", "auth"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"JWT_SECRET_KEY": None}, "JWT_SECRET_KEY is not set"),
        ({"JWT_SECRET_KEY": "short"}, "JWT_SECRET_KEY needs at least 32"),
        ({"SERVICE_TOKEN": "change-me" * 8}, "SERVICE_TOKEN still holds a placeholder"),
        ({"STORE_URL": "mysql://x"}, "STORE_URL"),
        ({"REGISTRATION": "perhaps"}, "REGISTRATION"),
    ],
)
def test_it_does_not_start_with_a_wrong_setting_and_names_it(
    tmp_path: Path, changed: dict[str, str | None], named: str
) -> None:
    given = {name: value for name, value in (SECRETS | changed).items() if value is not None}
    ended = subprocess.run(
        COMMAND, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    for value in changed.values():
        assert value is None or len(value) < 9 or value not in ended.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_told_to_stop_and_closes_its_store(
    tmp_path: Path, unused_port: int, how: signal.Signals
) -> None:
    env = SECRETS | {"AUTH_PORT": str(unused_port), "BCRYPT_COST": "4"}
    address = f"http://127.0.0.1:{unused_port}"
    with subprocess.Popen(COMMAND, cwd=tmp_path, env=env, stderr=subprocess.PIPE) as process:
        try:
            wait_until_alive(address)
            body = {"username": "ada", "password": "lovelace 1815"}
            assert httpx.post(f"{address}/register", json=body).status_code == 201
            process.send_signal(how)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
    files = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert files == ["trollama.db"]


def test_a_port_in_use_is_said_and_no_crash(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env = SECRETS | {"AUTH_PORT": str(taken.getsockname()[1])}
        ended = subprocess.run(
            COMMAND, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr


def wait_until_alive(address: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/health/live").raise_for_status()
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the service did not come up in 30 s")
