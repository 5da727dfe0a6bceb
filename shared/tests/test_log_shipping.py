"""Records on their way to a log server, which is played here."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from subprocess import run
from time import monotonic, sleep
from typing import Any

import pytest

from shared import log_shipping
from shared.log_shipping import LogShipper

WAIT_SECONDS = 10


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_shipping, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(log_shipping, "GATHER_SECONDS", 0.001)


class Server:
    """Takes records; acknowledges while `acknowledges`; can be closed and opened again."""

    def __init__(self) -> None:
        self.acknowledges = True
        self.lines: list[dict[str, Any]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            for line in stream:
                self.lines.append(json.loads(line))
                if self.acknowledges:
                    answer = b'{"written":%d}\n' % self.lines[-1]["log_number"]
                    try:
                        connection.sendall(answer)
                    except OSError:
                        return

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


Make = Callable[..., LogShipper]


@pytest.fixture
def shipper_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    made: list[LogShipper] = []

    def make(server: Server, **options: Any) -> LogShipper:
        shipper = LogShipper("127.0.0.1", server.port, dropped=_dropped, **options)
        shipper.start()
        made.append(shipper)
        return shipper

    yield make
    monkeypatch.setattr(log_shipping, "FLUSH_SECONDS", 0.2)
    for one in made:
        one.close()


def _dropped(count: int) -> str:
    return json.dumps({"event": "log.dropped", "records": count})


def record(event: str, size: int = 0) -> str:
    return json.dumps({"event": event, "pad": "x" * size})


def until(true: Callable[[], bool]) -> None:
    deadline = monotonic() + WAIT_SECONDS
    while not true():
        assert monotonic() < deadline
        sleep(0.002)


def test_records_arrive_in_order_and_numbered(server: Server, shipper_to: Make) -> None:
    shipper = shipper_to(server)
    for number in range(100):
        shipper.put(record(f"{number}"))
    until(lambda: shipper.held_bytes == 0)
    assert server.events == [f"{number}" for number in range(100)]
    assert [line["log_number"] for line in server.lines] == list(range(1, 101))
    assert len({line["log_sender"] for line in server.lines}) == 1


def test_two_processes_have_different_names(server: Server, shipper_to: Make) -> None:
    for _ in range(2):
        shipper_to(server).put(record("a"))
    until(lambda: len(server.lines) == 2)
    assert len({line["log_sender"] for line in server.lines}) == 2


def test_what_is_not_acknowledged_is_sent_again_with_the_same_number(
    server: Server, shipper_to: Make
) -> None:
    shipper = shipper_to(server)
    server.acknowledges = False
    shipper.put(record("a"))
    until(lambda: server.events == ["a"])
    server.acknowledges = True
    server.hang_up()
    until(lambda: shipper.held_bytes == 0)
    assert server.events == ["a", "a"]
    assert [line["log_number"] for line in server.lines] == [1, 1]


def test_records_wait_for_a_server_that_is_away(server: Server, shipper_to: Make) -> None:
    server.close()
    shipper = shipper_to(server)
    for number in range(10):
        shipper.put(record(f"{number}"))
    sleep(0.05)
    server.open()
    until(lambda: shipper.held_bytes == 0)
    assert server.events == [f"{number}" for number in range(10)]


def test_a_server_that_comes_back_while_nothing_is_logged_gets_the_next_record(
    server: Server, shipper_to: Make
) -> None:
    shipper = shipper_to(server)
    shipper.put(record("a"))
    until(lambda: shipper.held_bytes == 0)
    server.close()
    server.open()
    shipper.put(record("b"))
    until(lambda: shipper.held_bytes == 0)
    assert server.events == ["a", "b"]


def test_what_does_not_fit_is_counted_and_told_where_it_is_missing(
    server: Server, shipper_to: Make
) -> None:
    server.close()
    shipper = shipper_to(server, limit_bytes=10_000)
    for number in range(30):
        shipper.put(record(f"{number}", size=980))
    assert shipper.held_bytes <= 11_000
    server.open()
    until(lambda: shipper.held_bytes == 0)
    shipper.put(record("after"))
    until(lambda: "after" in server.events)
    kept = server.events.index("log.dropped")
    assert server.events == [*(f"{n}" for n in range(kept)), "log.dropped", "after"]
    assert server.lines[kept]["records"] == 30 - kept
    assert 9 <= kept <= 10


def test_a_record_that_is_far_too_long_costs_only_itself(server: Server, shipper_to: Make) -> None:
    shipper = shipper_to(server)
    shipper.put(record("long", size=log_shipping.MAX_RECORD_BYTES))
    shipper.put(record("next"))
    until(lambda: server.events == ["log.dropped", "next"])
    assert server.lines[0]["records"] == 1


def test_nothing_is_taken_after_a_gap_before_the_gap_is_noted() -> None:
    shipper = LogShipper("127.0.0.1", 9, dropped=_dropped, limit_bytes=10 * len(record("00")))
    for number in range(12):
        shipper.put(record(f"{number:02}"))
    batch = shipper._next_batch()
    assert batch.count(b"\n") == 10
    shipper._forget(2)
    shipper.put(record("too soon"))
    shipper._forget(8)
    shipper.put(record("after"))
    told = [json.loads(line) for line in shipper._next_batch().splitlines()]
    assert [one["event"] for one in told] == ["log.dropped", "after"]
    assert told[0]["records"] == 3


def test_to_put_a_record_never_waits(server: Server, shipper_to: Make) -> None:
    server.acknowledges = False
    shipper = shipper_to(server)
    began = monotonic()
    for number in range(20_000):
        shipper.put(record(f"{number}", size=500))
    assert monotonic() - began < 2
    assert shipper.held_bytes <= log_shipping.LIMIT_BYTES + 1000


def test_close_sends_what_is_left(server: Server, shipper_to: Make) -> None:
    shipper = shipper_to(server)
    for number in range(1000):
        shipper.put(record(f"{number}"))
    shipper.close()
    assert len(server.lines) == 1000
    assert shipper.held_bytes == 0


def test_close_does_not_wait_for_a_server_that_is_away(server: Server, shipper_to: Make) -> None:
    server.close()
    shipper = shipper_to(server)
    shipper.put(record("a"))
    began = monotonic()
    shipper.close()
    assert monotonic() - began < 0.5


def test_close_ends_in_time_when_nothing_is_acknowledged(
    server: Server, shipper_to: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_shipping, "FLUSH_SECONDS", 0.1)
    server.acknowledges = False
    shipper = shipper_to(server)
    shipper.put(record("a"))
    began = monotonic()
    shipper.close()
    assert monotonic() - began < 0.5


def test_a_long_absence_is_told_once(
    server: Server, shipper_to: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_shipping, "TELL_AFTER_SECONDS", 0.01)
    told: list[str] = []
    monkeypatch.setattr(log_shipping.log, "warning", lambda event, **_: told.append(event))
    monkeypatch.setattr(log_shipping.log, "info", lambda event, **_: told.append(event))
    server.close()
    shipper = shipper_to(server)
    shipper.put(record("a"))
    until(lambda: bool(told))
    sleep(0.1)
    server.open()
    until(lambda: shipper.held_bytes == 0 and len(told) > 1)
    assert told == ["log.unreachable", "log.reached"]


def test_many_threads_lose_nothing(server: Server, shipper_to: Make) -> None:
    shipper = shipper_to(server)

    def put(name: int) -> None:
        for number in range(500):
            shipper.put(record(f"{name}-{number}"))

    threads = [threading.Thread(target=put, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: shipper.held_bytes == 0)
    assert len(set(server.events)) == 4000
    for name in range(8):
        own = [event for event in server.events if event.startswith(f"{name}-")]
        assert own == [f"{name}-{number}" for number in range(500)]


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise ValueError"])
def test_a_process_that_ends_has_sent_everything(server: Server, ending: str) -> None:
    program = f"""
import sys
import structlog
from shared.log import configure
configure("x", server=("127.0.0.1", {server.port}))
for number in range(50):
    structlog.get_logger().info("a.b", n=number)
{ending}
"""
    run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)
    until(lambda: len(server.lines) == 50)
    assert {line["service"] for line in server.lines} == {"x"}
    assert server.lines[0]["message"] == "a.b"
