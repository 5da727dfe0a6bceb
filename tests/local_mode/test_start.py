"""The README's first command on a copy of this repository, as a newcomer types it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "BRAIN_PORT", "AUTH_PORT", "REHEARSAL_OLLAMA_PORT", "REHEARSAL_OPENAI_PORT",
    "REHEARSAL_DISCORD_PORT", "BOT_HEALTH_PORT", "UI_PORT", "LOGGING_PORT", "LOGGING_HEALTH_PORT",
)  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """All tracked files in a folder whose name has a space; stopped at the end."""
    folder = tmp_path / "a clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    yield folder
    run(folder, "./stop.sh", "--local")


def free_ports() -> dict[str, str]:
    sockets = [socket.socket() for _ in NAMES]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = {name: str(one.getsockname()[1]) for name, one in zip(NAMES, sockets, strict=True)}
    for one in sockets:
        one.close()
    return ports


def run(
    folder: Path, *command: str, ports: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    certificates = {
        name: value for name, value in os.environ.items() if "CERT" in name or "SSL" in name
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | certificates | (ports or {}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.timeout(300)
def test_a_newcomer_starts_asks_and_stops(clone: Path) -> None:
    ports = free_ports()
    started = run(clone, "./start.sh", "--local", ports=ports)
    assert started.returncode == 0, started.stdout + started.stderr
    said = started.stdout + started.stderr
    assert f"http://127.0.0.1:{ports['BRAIN_PORT']}" in said
    assert f"Open:  http://127.0.0.1:{ports['UI_PORT']}" in said
    assert '.venv/bin/trollama chat "Solve x^2 + 5x + 6 = 0"' in said
    assert "rehearsal" in said
    assert (clone / ".env").stat().st_mode & 0o777 == 0o600
    for folder in ("data", "logs"):
        assert (clone / folder).stat().st_mode & 0o777 == 0o700

    asked = run(clone, ".venv/bin/trollama", "chat", "Solve x^2 + 5x + 6 = 0", ports=ports)
    assert asked.returncode == 0, asked.stderr
    assert "x = -2" in asked.stdout
    assert "Rehearsal model" in asked.stdout
    assert "math · rnj-1:8b" in asked.stderr

    again = run(clone, "./start.sh", "--local", ports=ports)
    assert again.returncode == 0
    assert "Already running" in again.stdout

    stopped = run(clone, "./stop.sh", "--local", ports=ports)
    assert stopped.returncode == 0
    for port in ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0
