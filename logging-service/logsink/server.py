"""
Port 9999: one record a line (NDJSON), from any number of senders.

A sender that numbers its records (`logsink.intake`) is answered `{"written": <number>}` and LF when
everything up to that number is in the files; it keeps what is not acknowledged and sends it again
on its next connection. Others are never answered. While more than `ROOM_BYTES` wait for the disk,
nobody is read from: TCP makes the senders wait, and memory stays bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import anyio
import structlog

from logsink.framing import Lines
from logsink.intake import Intake
from logsink.writer import Writer
from shared.clock import Clock

log = structlog.get_logger(__name__)
ROOM_BYTES = 2 * 1024 * 1024
MAX_CONNECTIONS = 200
UNREAD_ANSWER_BYTES = 4096
"""A sender that does not read its answers gets no more of them until it does."""

QUIET_SECONDS = 0.05
LAST_WORDS_SECONDS = 3.0


class Door:
    """Everything the connections share."""

    def __init__(self, intake: Intake, writer: Writer) -> None:
        self.connections: set[Connection] = set()
        self._left = anyio.Event()
        self.too_long = 0
        self.turned_away = 0
        self.received_bytes = 0
        self.waiting_bytes = 0
        """Received and not yet in the files."""
        self._intake = intake
        self._writer = writer

    @property
    def is_full(self) -> bool:
        """Whether senders have to wait."""
        return self.waiting_bytes > ROOM_BYTES

    def take(self, lines: list[bytes], size: int, sender: "Connection") -> None:
        """Keep `lines`, which came in `size` bytes, and tell the sender when they are written."""
        number = self._intake.take(lines)
        self.received_bytes += size
        self.waiting_bytes += size

        def written() -> None:
            self._free(size)
            if number is not None:
                sender.acknowledge(number)

        self._writer.tell_when_written(written)
        if self.is_full:
            for one in self.connections:
                one.pause()

    def when_written(self, then: Callable[[], None]) -> None:
        """Call `then` when everything that came until now is in the files."""
        self._writer.tell_when_written(then)

    def leave(self, connection: "Connection") -> None:
        """It has ended."""
        self.connections.discard(connection)
        self._left.set()

    async def empty(self) -> None:
        """Return when every connection has ended."""
        while self.connections:
            self._left = anyio.Event()
            await self._left.wait()

    def _free(self, size: int) -> None:
        was_full = self.is_full
        self.waiting_bytes -= size
        if was_full and not self.is_full:
            for one in self.connections:
                one.resume()


class Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._lines = Lines()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of `asyncio.Protocol`, like those below."""
        self._transport = cast(asyncio.Transport, transport)
        if len(self._door.connections) >= MAX_CONNECTIONS:
            self._door.turned_away += 1
            self._transport.abort()
            return
        self._door.connections.add(self)
        if self._door.is_full:
            self.pause()

    def data_received(self, data: bytes) -> None:
        too_long = self._lines.too_long
        lines = self._lines.feed(data)
        self._door.too_long += self._lines.too_long - too_long
        if lines:
            self._door.take(lines, len(data), self)

    def eof_received(self) -> bool:
        """A last line needs no end; what it is answered may take until it is written."""
        if lines := self._lines.finish():
            self._door.take(lines, len(lines[0]), self)
        self._door.when_written(self.close)
        return True

    def connection_lost(self, failure: Exception | None) -> None:
        self._door.leave(self)
        self._transport = None

    def acknowledge(self, number: int) -> None:
        """Everything of this sender up to `number` is in the files."""
        there = self._transport
        if there is not None and there.get_write_buffer_size() < UNREAD_ANSWER_BYTES:
            there.write(b'{"written":%d}\n' % number)

    def pause(self) -> None:
        """Read no more until `resume`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Send what was acknowledged, and end."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def listening(door: Door, host: str, port: int, *, clock: Clock) -> AsyncIterator[int]:
    """
    Serve while open; the port. At the end what senders have already sent is still read, for three
    seconds at most. Raises `OSError` when the port cannot be had.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(door), host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        with anyio.CancelScope(shield=True):
            await _last_words(door, clock)


async def _last_words(door: Door, clock: Clock) -> None:
    until = clock.monotonic() + LAST_WORDS_SECONDS
    while door.connections and clock.monotonic() < until:
        before = door.received_bytes
        await clock.sleep(QUIET_SECONDS)
        if door.received_bytes == before and not door.waiting_bytes:
            break


def hang_up(door: Door) -> None:
    """End every connection, after everything was acknowledged."""
    for one in list(door.connections):
        one.close()
