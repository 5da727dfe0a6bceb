"""The log server on real ports, in this process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import orjson
import pytest
import structlog
from anyio.abc import SocketStream

from logsink.book import Book
from logsink.config import Settings
from logsink.framing import MAX_LINE_BYTES
from logsink.main import Sink
from shared import log
from shared.clock import SystemClock


@dataclass
class Served:
    """A log server that runs."""

    sink: Sink
    folder: Path
    ports: dict[str, int]

    async def connect(self) -> SocketStream:
        return await anyio.connect_tcp("127.0.0.1", self.ports["records"])

    async def health(self) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.get(f"http://127.0.0.1:{self.ports['health']}/health")

    def events(self, name: str = "app.log") -> list[Any]:
        return events_in(self.folder, name)

    async def until(self, true: Callable[[], bool]) -> None:
        with anyio.fail_after(10):
            while not true():
                await anyio.sleep(0.005)


def text_of(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*/*.log"))


def events_in(folder: Path, name: str = "app.log") -> list[Any]:
    texts = [path.read_text() for path in folder.glob(f"*/{name}")]
    return [orjson.loads(line)["event"] for text in texts for line in text.splitlines()]


@asynccontextmanager
async def serving(folder: Path, **changed: Any) -> AsyncIterator[Served]:
    settings = Settings(
        _env_file=None, log_dir=folder, logging_port=0, logging_health_port=0, **changed
    )
    sink = Sink(settings, clock=SystemClock())
    async with sink.serving() as ports:
        yield Served(sink, folder, ports)


def record(event: str, number: int | None = None, level: str = "info") -> bytes:
    fields: dict[str, Any] = {"level": level, "event": event}
    if number is not None:
        fields |= {"log_sender": "s1", "log_number": number}
    return orjson.dumps(fields) + b"\n"


async def test_a_plain_sender_needs_nothing_but_lines(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        async with await served.connect() as sender:
            await sender.send(record("a") + record("b", level="error") + record("c")[:-1])
        await served.until(lambda: served.events() == ["a", "b", "c"])
        assert served.events("error.log") == ["b"]


async def test_a_number_is_acknowledged_when_its_record_is_in_the_file(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, await served.connect() as sender:
        await sender.send(record("a", 1) + record("b", 2))
        assert await sender.receive() == b'{"written":2}\n'
        assert served.events() == ["a", "b"]


async def test_a_repeat_is_acknowledged_and_not_written_also_after_a_restart(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        async with serving(tmp_path) as served, await served.connect() as sender:
            await sender.send(record("a", 1) + record("b", 2))
            assert await sender.receive() == b'{"written":2}\n'
    assert events_in(tmp_path) == ["a", "b"]


async def test_what_other_senders_rotated_away_is_known_after_a_kill(tmp_path: Path) -> None:
    async with serving(tmp_path, log_max_bytes=300) as served, await served.connect() as sender:
        await sender.send(record("a", 1) + record("b", 2))
        assert await sender.receive() == b'{"written":2}\n'
        await sender.send(b"".join(record(f"plain {n}") for n in range(100)))
        await served.until(lambda: "plain 99" in served.events())
        assert "a" not in events_in(tmp_path, "app.log*")
        assert Book.recovered(tmp_path).numbers["app"] == {"s1": 2}


async def test_an_acknowledgement_comes_also_when_the_sender_says_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, await served.connect() as sender:
        await sender.send(record("a", 1))
        await sender.send_eof()
        answers = b"".join([part async for part in sender])
        assert answers == b'{"written":1}\n'


async def test_a_line_that_is_no_record_or_far_too_long_costs_only_itself(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        async with await served.connect() as sender:
            await sender.send(record("a") + b"what?\n")
            await sender.send(b'{"x":"' + b"x" * 10 * MAX_LINE_BYTES + b'"}\n')
            await sender.send(record("b"))
        await served.until(lambda: served.events() == ["a", "b"])
        body = (await served.health()).json()
        assert (body["records"], body["malformed"], body["too_long"]) == (2, 1, 1)


async def test_what_was_refused_is_noted_without_its_words(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, log_dir=tmp_path, logging_port=0, logging_health_port=0)
    sink = Sink(settings, clock=SystemClock())
    log.configure("logging-service", ship=sink.intake.say)
    try:
        async with sink.serving() as ports:
            served = Served(sink, tmp_path, ports)
            async with await served.connect() as sender:
                await sender.send(b"hunter2\n" * 3)
            await served.until(lambda: "lines.refused" in served.events())
    finally:
        structlog.reset_defaults()
    text = text_of(tmp_path)
    assert '"malformed":3' in text
    assert "hunter2" not in text


async def test_health_says_how_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, await served.connect():
        await served.until(lambda: served.sink.cleanup.last_at is not None)
        answer = await served.health()
        body = answer.json()
    assert answer.status_code == 200
    assert body["status"] == "healthy"
    assert body["service"] == "logging-service"
    assert body["connections"] == 1
    assert body["cleanup"] == {
        "retention_days": 2.0, "every_hours": 6.0, "last_at": body["cleanup"]["last_at"],
        "removed": [],
    }  # fmt: skip


async def test_a_folder_that_cannot_be_written_is_said_and_heals(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    async with serving(folder) as served, await served.connect() as sender:
        folder.rename(tmp_path / "away")
        folder.write_text("in the way")
        await sender.send(record("a", 1))
        await served.until(lambda: served.sink.writer.trouble is not None)
        answer = await served.health()
        assert answer.status_code == 503
        assert answer.json()["components"] == {"files": "unhealthy"}
        await sender.send(record("b", 2))
        folder.unlink()
        with anyio.fail_after(5):
            assert await sender.receive() == b'{"written":1}\n'
            assert await sender.receive() == b'{"written":2}\n'
        assert (await served.health()).status_code == 200
        assert events_in(folder) == ["a", "b"]


async def test_a_stop_with_a_folder_that_cannot_be_written_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logsink.main.FINISH_SECONDS", 0.1)
    monkeypatch.setattr("logsink.server.LAST_WORDS_SECONDS", 0.1)
    folder = tmp_path / "logs"
    with anyio.fail_after(5):
        async with serving(folder) as served, await served.connect() as sender:
            folder.rename(tmp_path / "away")
            folder.write_text("in the way")
            await sender.send(record("a", 1))
            await served.until(lambda: served.sink.writer.trouble is not None)
