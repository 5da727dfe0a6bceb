"""
Clients that read token streams at a few microseconds a token, over HTTP and over WebSocket.

Raw asyncio protocols: a load generator must not cost more than what it measures. Each stream asks
again as soon as its answer has ended.
"""

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from time import monotonic_ns

import orjson

from bench.meter import Meter

PROMPT = "Say something in two hundred tokens, please."
RETRY_SECONDS = 0.2
LAST_CHUNK = b"0\r\n\r\n"
KEEP = 32
"""Bytes kept from one read to the next: a stamp, or the end, may be cut in two."""

FRAME = re.compile(rb'"type":"(\w+)","ask_id":"(\d+)-(\d+)"')
SEQ = re.compile(rb'"seq":(\d+)')
TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and how to ask."""

    port: int
    path: str
    model: str
    tokens: int
    token: str = ""
    greeting: bool = False
    """Whether the server wants a `hello` first and acknowledgements afterwards."""


@dataclass(slots=True)
class Asked:
    """An answer under way."""

    at: int
    seen: int = 0


class HttpStream(asyncio.Protocol):
    """One connection, one answer at a time."""

    def __init__(self, target: Target, meter: Meter) -> None:
        self._target = target
        self._meter = meter
        self._asked: Asked | None = None
        self._rest = b""
        self._transport: asyncio.Transport
        body = orjson.dumps(
            {
                "model": target.model,
                "messages": [{"role": "user", "content": PROMPT}],
                "stream": True,
            }
        )
        auth = f"authorization: Bearer {target.token}\r\n" if target.token else ""
        head = (
            f"POST {target.path} HTTP/1.1\r\nhost: 127.0.0.1:{target.port}\r\n{auth}"
            f"accept: */*\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        """Send the question."""
        if self._transport.is_closing():
            return
        self._asked, self._rest = Asked(monotonic_ns()), b""
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now, asked = monotonic_ns(), self._asked
        if asked is None:
            return
        data = self._rest + data
        seen, last = self._meter.saw(data, now)
        if seen and not asked.seen:
            self._meter.first(asked.at, now)
        asked.seen += seen
        if data.endswith(LAST_CHUNK) or (not asked.seen and not _is_ok(data)):
            self._end(asked, data)
        else:
            self._rest = data[max(last, len(data) - KEEP) :]

    def _end(self, asked: Asked, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._asked = None
        if asked.seen:
            self._meter.ended(asked.seen, self._target.tokens)
            loop.call_soon(self.ask)
        else:
            self._meter.failed(data.decode("utf-8", "replace"))
            loop.call_later(RETRY_SECONDS, self.ask)

    def connection_lost(self, _: Exception | None) -> None:
        if self._asked is not None:
            self._meter.failed("the connection was closed")

    def waiting(self) -> list[Asked]:
        """What has been asked and not begun."""
        return [] if self._asked is None or self._asked.seen else [self._asked]


def _is_ok(data: bytes) -> bool:
    return not data.startswith(b"HTTP/") or data[9:12] == b"200"


class SocketStream(asyncio.Protocol):
    """One WebSocket with any number of answers at a time, told apart by their ask ids."""

    def __init__(self, target: Target, meter: Meter, *, client_id: str) -> None:
        self._target = target
        self._meter = meter
        self._client_id = client_id
        self._asks: dict[tuple[int, int], Asked] = {}
        self._numbers = count(1)
        self._rest = b""
        self._transport: asyncio.Transport
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        target = self._target
        auth = f"authorization: Bearer {target.token}\r\n" if target.token else ""
        transport.write(
            (
                f"GET {target.path} HTTP/1.1\r\nhost: 127.0.0.1:{target.port}\r\n{auth}"
                "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
                f"sec-websocket-key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
            ).encode()
        )

    def ask(self, person: int) -> None:
        """Person number `person` sends a question, in a conversation of its own."""
        if self._transport.is_closing():
            return
        number = next(self._numbers)
        ask_id = f"{person}-{number}"
        frame = {
            "type": "ask",
            "ask_id": ask_id,
            "user_id": str(1_000 + person),
            "user_name": "bench",
            "conversation_id": f"bench-{self._client_id}-{ask_id}",
            "text": f"{PROMPT} This is question {number} of person {person}.",
            "options": {"model": self._target.model},
        }
        self._asks[person, number] = Asked(monotonic_ns())
        self._send(frame)

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        data = self._rest + data
        if not self.ready.done():
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            self._upgraded(head)
        at = 0
        while (frame := _cut(data, at)) is not None:
            opcode, begin, at = frame
            self._frame(opcode, data[begin:at], now)
        self._rest = data[at:]

    def _upgraded(self, head: bytes) -> None:
        if b" 101 " not in head[:16]:
            self.ready.set_exception(ConnectionError(head.decode("latin-1")[:300]))
            return
        self.ready.set_result(None)
        if self._target.greeting:
            self._send({"type": "hello", "client_id": self._client_id, "protocol": 1})

    def _frame(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == PING:
            self._write(PONG, payload)
        if opcode != TEXT:
            return
        found = FRAME.search(payload, 0, 120)
        if found is None:
            return  # welcome, or something for nobody in particular
        kind, address = found[1], (int(found[2]), int(found[3]))
        asked = self._asks.get(address)
        if asked is None:
            return
        if kind == b"delta":
            seen, _ = self._meter.saw(payload, now)
            if seen and not asked.seen:
                self._meter.first(asked.at, now)
            asked.seen += seen
        elif kind in (b"done", b"failed"):
            self._end(address, asked, payload)

    def _end(self, address: tuple[int, int], asked: Asked, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        del self._asks[address]
        seq = SEQ.search(payload)
        if self._target.greeting and seq is not None:
            self._send({"type": "ack", "seq": int(seq[1])})
        if asked.seen:
            self._meter.ended(asked.seen, self._target.tokens)
            loop.call_soon(self.ask, address[0])
        else:
            self._meter.failed(payload.decode("utf-8", "replace"))
            loop.call_later(RETRY_SECONDS, self.ask, address[0])

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the connection was closed"))
        for _asked in self._asks:
            self._meter.failed("the connection was closed")

    def waiting(self) -> list[Asked]:
        """What has been asked and not begun."""
        return [asked for asked in self._asks.values() if not asked.seen]

    def _send(self, frame: Mapping[str, object]) -> None:
        self._write(TEXT, orjson.dumps(frame))

    def _write(self, opcode: int, payload: bytes) -> None:
        # Clients must mask (RFC 6455, 5.3); a mask of zeroes leaves the bytes as they are.
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._transport.write(bytes((0x80 | opcode,)) + length + bytes(4) + payload)


def _cut(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The next WebSocket frame (RFC 6455, 5.2): opcode, begin and end of its payload."""
    if len(data) < at + 2:
        return None
    size, begin = data[at + 1] & 0x7F, at + 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        if len(data) < begin + wide:
            return None
        size, begin = int.from_bytes(data[begin : begin + wide], "big"), begin + wide
    if len(data) < begin + size:
        return None
    return data[at] & 0x0F, begin, begin + size
