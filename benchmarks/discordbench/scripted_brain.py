"""A brain that says what it is told, word by word, over the protocol of `/ws/discord`."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

import anyio
from aiohttp import WSMsgType, web
from anyio.abc import TaskGroup

from shared.protocol import Delta, Done, Queued, Status, ToClient, Welcome, encode

TAG = re.compile(r"\bq\d+\b")
THINKING_SECONDS = 0.7


@dataclass
class Play:
    """
    One answer: `words` of it, so many a second; when each was said (monotonic seconds).

    A word is its tag and number, so that a reader of a screen knows how far the answer is.
    """

    tag: str
    words: int
    words_per_second: float
    said: list[float] = field(default_factory=list)
    done_at: float | None = None

    def text(self, number: int) -> str:
        """The word with this number."""
        return f"{self.tag}w{number}{'.' if number % 12 == 11 else ''} "


class ScriptedBrain:
    """Answers an ask whose text holds a play's tag with that play."""

    def __init__(self) -> None:
        self.plays: dict[str, Play] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Listen on a free port of loopback and give the root address."""
        app = web.Application()
        app.add_routes([web.get("/ws/discord", self._connected)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        session = _Session(socket)
        async with anyio.create_task_group() as tasks:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._heard(session, message.json(), tasks)
            tasks.cancel_scope.cancel()
        return socket

    async def _heard(self, session: "_Session", frame: dict[str, str], tasks: TaskGroup) -> None:
        if frame["type"] == "hello":
            await session.socket.send_str(encode(Welcome(session_id="s", resumed=False)))
        elif frame["type"] == "ask":
            found = TAG.search(frame["text"])
            play = self.plays.get(found[0]) if found else None
            if play is not None and not play.said:
                tasks.start_soon(self._play, session, frame["ask_id"], play)

    async def _play(self, session: "_Session", ask_id: str, play: Play) -> None:
        await session.say(Queued(ask_id=ask_id, request_id=play.tag, position=1))
        await anyio.sleep(THINKING_SECONDS / 2)
        await session.say(Status(ask_id=ask_id, stage="thinking"))
        await anyio.sleep(THINKING_SECONDS / 2)
        begin = monotonic()
        for number in range(play.words):
            await anyio.sleep(max(0.0, begin + number / play.words_per_second - monotonic()))
            play.said.append(monotonic())
            await session.say(Delta(ask_id=ask_id, attempt=1, text=play.text(number)))
        play.done_at = monotonic()
        text = "".join(play.text(number) for number in range(play.words))
        done = Done(ask_id=ask_id, request_id=play.tag, text=text, model=f"end-{play.tag}")
        await session.say(done)


@dataclass
class _Session:
    socket: web.WebSocketResponse
    seq: int = 0

    async def say(self, frame: ToClient) -> None:
        self.seq += 1
        await self.socket.send_str(encode(frame, self.seq))
