"""The log server as a process: a disk that is full, and a port that is taken."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
import psutil
import pytest

from logsink.server import ROOM_BYTES

PADDED = b'{"level":"info","event":"a.b","words":"%b","n":"%%07d"}\n' % (b"x" * 950)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(folder: Path, *ports: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "LOGGING_PORT": f"{ports[0]}",
        "LOGGING_HEALTH_PORT": f"{ports[1]}",
        "LOG_DIR": f"{folder}",
        "LOG_MAX_BYTES": "0",
    }
    errors = (folder.parent / "stderr").open("wb")
    with (
        errors,
        subprocess.Popen(
            [sys.executable, "-m", "logsink"], env=environment, stderr=errors, cwd=folder.parent
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


def health(port: int) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5)
    except httpx.HTTPError:
        return None


def until(true: object, *, seconds: float = 20) -> None:
    deadline = monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert monotonic() < deadline
        sleep(0.02)


def test_a_full_disk_makes_senders_wait_is_told_and_loses_no_line(tmp_path: Path) -> None:
    folder, port, health_port = tmp_path / "logs", free_port(), free_port()
    count, room = 40_000, 1_000_500
    with program(folder, port, health_port) as process:
        until(lambda: health(health_port))
        # The kernel refuses to let a file of this process grow: in the middle of a line.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        sent = threading.Event()

        def send() -> None:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"".join(PADDED % number for number in range(count)))
            sent.set()

        before = psutil.Process(process.pid).memory_info().rss
        threading.Thread(target=send, daemon=True).start()
        until(lambda: (found := health(health_port)) and found.status_code == 503)
        until(lambda: held(health_port) > ROOM_BYTES)
        assert not sent.wait(0.2), "40 MB do not fit; the sender has to wait"
        assert held(health_port) < 2 * ROOM_BYTES
        assert psutil.Process(process.pid).memory_info().rss - before < 60_000_000
        [path] = folder.glob("*/app.log")
        assert path.stat().st_size == room
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert sent.wait(20)
        until(lambda: held(health_port) == 0)
        assert health(health_port).status_code == 200  # type: ignore[union-attr]
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if b'"a.b"' in line]
    assert lines == [PADDED % number for number in range(count)]
    said = (tmp_path / "stderr").read_text()
    assert said.count('"event":"files.not_written"') == 1
    assert said.count('"event":"files.written_again"') == 1


def held(port: int) -> int:
    found = health(port)
    return found.json()["waiting_bytes"] if found else 0


def test_a_stop_loses_nothing_that_was_sent(tmp_path: Path) -> None:
    port, health_port, count = free_port(), free_port(), 5000
    with program(tmp_path / "logs", port, health_port) as process, ExitStack() as connected:
        until(lambda: health(health_port))
        connections = [
            connected.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(6)
        ]
        lines = b"".join(PADDED % number for number in range(count))
        threads = [
            threading.Thread(target=connection.sendall, args=(lines,)) for connection in connections
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        process.terminate()
        assert process.wait(10) == 0
    written = b"".join(path.read_bytes() for path in (tmp_path / "logs").glob("*/app.log"))
    assert written.count(b'"a.b"') == len(connections) * count


@pytest.mark.parametrize("which", [0, 1])
def test_a_port_that_is_taken_is_exit_code_3_and_a_line(tmp_path: Path, which: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [free_port(), free_port()]
        ports[which] = other.getsockname()[1]
        with program(tmp_path / "logs", *ports) as process:
            assert process.wait(20) == 3
    said = (tmp_path / "stderr").read_text()
    assert "sink.cannot_listen" in said
    assert "Traceback" not in said


def test_a_folder_that_cannot_be_made_is_exit_code_2_and_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    with program(tmp_path / "logs", 0, 0) as process:
        assert process.wait(20) == 2
    assert (tmp_path / "stderr").read_text().startswith("Cannot start: LOG_DIR ")


def test_a_signal_ends_it_with_0(tmp_path: Path) -> None:
    port = free_port()
    with program(tmp_path / "logs", 0, port) as process:
        until(lambda: health(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
