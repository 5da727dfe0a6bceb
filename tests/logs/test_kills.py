"""The log server is killed with `kill -9` while six senders write: each record is there, once."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

from shared.log_shipping import LogShipper

SENDERS, EACH, KILLS = 6, 2000, 3
LEVELS = ("info", "error", "debug", "info")
FILES = {"app": ("info", "error"), "error": ("error",), "debug": ("debug",)}
SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LogServer:
    """The program, started and killed."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.port = free_port()
        self._environment = {
            **os.environ,
            "LOGGING_PORT": f"{self.port}",
            "LOGGING_HEALTH_PORT": "0",
            "LOG_DIR": f"{self.logs}",
            "LOG_MAX_BYTES": "20000",  # so that kills come between rotations, too
            "LOG_BACKUP_COUNT": "1000",
        }
        self._folder = folder
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "logsink"],
            env=self._environment,
            cwd=self._folder,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def lines(self, name: str = "*") -> list[bytes]:
        found = []
        for path in self.logs.glob(f"*/{name}.log*"):
            with suppress(FileNotFoundError):  # it is being rotated; whoever waits looks again
                found += path.read_bytes().splitlines()
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LogServer]:
    server = LogServer(tmp_path)
    yield server
    server.stop()


def until(true: object) -> None:
    deadline = monotonic() + SECONDS
    while not true():  # type: ignore[operator]
        assert monotonic() < deadline
        sleep(0.01)


def log(name: int, shipper: LogShipper) -> None:
    for number in range(EACH):
        record = {"level": LEVELS[number % 4], "event": f"{name}-{number}"}
        shipper.put(json.dumps(record, separators=(",", ":")))
        if number % 20 == 0:
            sleep(0.01)


def test_no_record_is_missing_and_none_is_there_twice(server: LogServer) -> None:
    shippers = [LogShipper("127.0.0.1", server.port, dropped=str) for _ in range(SENDERS)]
    threads = [threading.Thread(target=log, args=one) for one in enumerate(shippers)]
    for shipper, thread in zip(shippers, threads, strict=True):
        shipper.start()
        thread.start()
    for kill in range(KILLS):
        enough = SENDERS * EACH * (kill + 1) // (KILLS + 2)
        until(lambda: len(server.lines()) > enough)  # noqa: B023 - called at once
        server.kill()
        server.start()
    for thread in threads:
        thread.join()
    until(lambda: not any(shipper.held_bytes for shipper in shippers))
    for shipper in shippers:
        shipper.close()
    for kind, levels in FILES.items():
        found = Counter(json.loads(line)["event"] for line in server.lines(kind))
        del found["sink.started"]
        assert set(found) == {
            f"{name}-{number}"
            for name in range(SENDERS)
            for number in range(EACH)
            if LEVELS[number % 4] in levels
        }
        assert set(found.values()) == {1}
