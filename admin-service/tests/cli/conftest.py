"""A brain that follows a script: the real protocol over a real socket, each word decided here."""

import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from shared.protocol import (
    Ack,
    Ask,
    Delta,
    Done,
    Frame,
    Hello,
    Queued,
    ToClient,
    Welcome,
    encode,
    parse_to_brain,
)

F = TypeVar("F", bound=Frame)
TOKEN = "good-token"


class Talk:
    """One connection as the script sees it."""

    def __init__(self, socket: ServerConnection, session_id: str) -> None:
        self._socket = socket
        self.session_id = session_id
        self.seq = 0

    async def expect(self, kind: type[F]) -> F:
        """The next frame, which must be of that kind; acknowledgements in between are skipped."""
        while True:
            frame = parse_to_brain(await self._socket.recv())
            if isinstance(frame, kind):
                return frame
            assert isinstance(frame, Ack), f"expected {kind.__name__}, got {frame}"

    async def greet(self, *, resumed: bool = False) -> Hello:
        """Take `hello`, answer `welcome`."""
        hello = await self.expect(Hello)
        if resumed:
            self.seq = hello.after
        await self._socket.send(encode(Welcome(session_id=self.session_id, resumed=resumed)))
        return hello

    async def send(self, *frames: ToClient) -> None:
        """Send frames with the next numbers."""
        for frame in frames:
            self.seq += 1
            await self._socket.send(encode(frame, self.seq))

    async def send_raw(self, text: str) -> None:
        """Send anything."""
        await self._socket.send(text)

    async def queue(self) -> Ask:
        """Take the ask and put it first in the queue."""
        ask = await self.expect(Ask)
        await self.send(Queued(ask_id=ask.ask_id, request_id="request-1", position=1))
        return ask

    async def answer(self, ask: Ask, text: str, *, attempt: int = 1) -> None:
        """Answer in two pieces, and wait until that is acknowledged."""
        half = len(text) // 2
        await self.send(
            Delta(ask_id=ask.ask_id, attempt=attempt, text=text[:half]),
            Delta(ask_id=ask.ask_id, attempt=attempt, text=text[half:]),
        )
        await self.finish(done(ask, text, attempt=attempt))

    async def finish(self, end: ToClient) -> None:
        """Send the last frame, and wait until it is acknowledged."""
        await self.send(end)
        while (await self.expect(Ack)).seq < self.seq:
            pass

    def drop(self) -> None:
        """Lose the connection without a word."""
        self._socket.transport.abort()


Script = Callable[[Talk], Awaitable[None]]


def done(ask: Ask, text: str, *, attempt: int = 1) -> Done:
    return Done(
        ask_id=ask.ask_id,
        request_id="request-1",
        attempt=attempt,
        text=text,
        route="math",
        model="gpt-oss:20b",
        why="it is an equation",
        rehearsal=True,
    )


class ScriptedBrain:
    """Plays one script a connection, in order; the last one repeats."""

    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self._scripts = list(scripts)
        self._session_id = secrets.token_hex(8)
        self.tokens: list[str] = []
        self.failures: list[BaseException] = []
        self.address = ""

    def bind(self, server: Server) -> None:
        """Learn the address."""
        host, port = next(iter(server.sockets)).getsockname()[:2]
        self.address = f"http://{host}:{port}"

    async def play(self, socket: ServerConnection) -> None:
        """Serve one connection."""
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        try:
            await script(Talk(socket, self._session_id))
        except AssertionError as failure:
            self.failures.append(failure)

    def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Let in who has the token."""
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.tokens[-1] == f"Bearer {TOKEN}":
            return None
        return socket.respond(HTTPStatus.UNAUTHORIZED, "no")


BrainFor = Callable[..., AbstractAsyncContextManager[ScriptedBrain]]


@pytest.fixture
def brain_for() -> BrainFor:
    @asynccontextmanager
    async def start(*scripts: Script) -> AsyncIterator[ScriptedBrain]:
        brain = ScriptedBrain(scripts)
        async with serve(
            brain.play, "127.0.0.1", 0, process_request=brain.admit, close_timeout=0.1
        ) as server:
            brain.bind(server)
            yield brain
        assert brain.failures == []

    return start


@pytest.fixture
def free_address() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
