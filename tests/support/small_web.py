"""A small web on loopback: real sockets, scripted answers, every connection counted."""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from brain.web.addresses import WEB_PORTS, Address, Allowed
from brain.web.download import Downloader
from brain.web.fetch import Fetcher
from brain.web.guard import Resolve, look_up
from brain.web.reading import ReadFile
from shared.clock import Clock, SystemClock
from shared.errors import BoundaryError


@dataclass(frozen=True)
class Answer:
    """What a path holds. `pieces` are sent one after the other, `pause` seconds apart."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] | None = None
    pause: float = 0.0
    endless: bool = False


def html(text: str, *, title: str = "A page") -> Answer:
    page = f"<html><head><title>{title}</title></head><body><p>{text}</p></body></html>"
    return Answer(page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def words(text: str) -> Answer:
    return Answer(text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})


def moved(to: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": to})


@dataclass
class Site:
    """A listening server. `asked` are (host header, path) in order."""

    address: str
    port: int
    paths: dict[str, Answer] = field(default_factory=dict)
    connections: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    seen: list[Mapping[str, str]] = field(default_factory=list)

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"http://{host or self.address}:{self.port}{path}"

    def pages_asked(self) -> list[str]:
        return [path for _, path in self.asked if path != "/robots.txt"]

    async def serve(self, stream: ByteStream) -> None:
        self.connections += 1
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError):
            async with stream:
                await self._answer(stream)

    async def _answer(self, stream: ByteStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive()
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        path = lines[0].split(" ")[1]
        self.asked.append((headers["host"], path))
        self.seen.append(headers)
        answer = self.paths.get(path, Answer(status=404))
        told = {"Connection": "close", **answer.headers}
        if answer.pieces is None and not answer.endless and "Content-Length" not in told:
            told["Content-Length"] = str(len(answer.body))
        written = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        await stream.send(f"HTTP/1.1 {answer.status} X\r\n{written}\r\n".encode("latin-1"))
        await stream.send(answer.body)
        for piece in answer.pieces or ():
            await anyio.sleep(answer.pause)
            await stream.send(piece)
        while answer.endless:
            await stream.send(b"\0" * 65536)


@asynccontextmanager
async def serving(
    address: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    """A site at `address`. Put what it holds into `paths`."""
    plain = await anyio.create_tcp_listener(local_host=address, local_port=port)
    listener: Any = TLSListener(plain, tls, standard_compatible=False) if tls else plain
    site = Site(address, plain.extra(SocketAttribute.local_port))
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, site.serve)
        yield site
        tasks.cancel_scope.cancel()


@dataclass
class Names:
    """A resolver on loopback: each name's answers, one a question, the last for ever."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> list[Address]:
        host = host.removesuffix(".")
        self.asked.append(host)
        if host not in self.answers:
            try:
                return [ip_address(host)]
            except ValueError as unknown:
                raise OSError("no such name") from unknown
        answers = self.answers[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(address) for address in found]


async def no_files(name: str, body: bytes) -> str:
    raise BoundaryError(f"{name} cannot be read: there is no reader for what it holds.")


def fetcher(
    allow: str = "127.0.0.0/8",
    *,
    resolve: Resolve = look_up,
    ports: frozenset[int] = WEB_PORTS,
    tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
    read_file: ReadFile = no_files,
    max_bytes: int = 5_000_000,
    seconds: float = 15.0,
) -> Fetcher:
    """A fetcher that may visit loopback."""
    downloader = Downloader(Allowed.parse(allow), resolve=resolve, ports=ports, tls=tls)
    return Fetcher(
        downloader, clock or SystemClock(),
        read_file=read_file, max_bytes=max_bytes, seconds=seconds,
    )  # fmt: skip
