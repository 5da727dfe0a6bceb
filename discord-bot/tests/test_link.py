"""The connection to the brain, against a brain that does as it is told."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import orjson
import pytest
from aiohttp import WSMsgType, web

from bot.link import Link
from shared.clock import SystemClock
from shared.protocol import Ask, Delta, Done, Queued, ToClient, Welcome, encode

TOKEN = "t" * 40


@dataclass
class Brain:
    """Greets, notes what it is told, and says what the test wants."""

    resumes: bool = True
    stops: list[int] = field(default_factory=list)
    """Codes to close the next connections with instead of a greeting; 0: without a word."""

    said: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    port: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            frame = orjson.loads(message.data)
            self.said.append(frame)
            if frame["type"] == "hello" and self.stops:
                if code := self.stops.pop(0):
                    await socket.close(code=code)
                elif request.transport is not None:
                    request.transport.abort()
            elif frame["type"] == "hello":
                resumed = self.resumes and "session_id" in frame
                await socket.send_str(encode(Welcome(session_id="s1", resumed=resumed)))
                self.sockets.append(socket)
        return socket

    async def send(self, seq: int, frame: ToClient) -> None:
        await self.sockets[-1].send_str(encode(frame, seq))

    async def drop(self) -> None:
        await self.sockets[-1].close()

    def heard(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.said if frame["type"] == kind]


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not true():
            await anyio.sleep(0.005)


@asynccontextmanager
async def linked(
    brain: Brain, token: str = TOKEN, *, may_take: Callable[[ToClient], None] = lambda _: None
) -> AsyncIterator[tuple[Link, list[ToClient]]]:
    app = web.Application()
    app.router.add_get("/ws/discord", brain.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    brain.port = runner.addresses[0][1]
    frames: list[ToClient] = []

    def take(frame: ToClient) -> None:
        may_take(frame)
        frames.append(frame)

    link = Link(
        url=f"ws://127.0.0.1:{brain.port}/ws/discord",
        token=token,
        client_id="bot",
        on_frame=take,
        clock=SystemClock(),
    )
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            yield link, frames
            tasks.cancel_scope.cancel()
    finally:
        await runner.cleanup()


def ask(ask_id: str = "a1") -> Ask:
    return Ask(ask_id=ask_id, conversation_id="discord:1", text="hello")


def done(ask_id: str = "a1") -> Done:
    return Done(ask_id=ask_id, request_id="r", text="42")


async def test_an_ask_before_the_connection_is_sent_when_it_stands() -> None:
    brain = Brain()
    async with linked(brain) as (link, _):
        link.ask(ask())
        await until(lambda: bool(brain.heard("ask")))
    assert [frame["type"] for frame in brain.said[:2]] == ["hello", "ask"]


async def test_an_end_is_acknowledged_only_when_it_was_shown() -> None:
    brain = Brain()
    async with linked(brain) as (link, frames):
        await until(lambda: link.connected)
        await brain.send(1, Delta(ask_id="a1", attempt=1, text="4"))
        await brain.send(2, done())
        await brain.send(3, Delta(ask_id="a2", attempt=1, text="x"))
        await until(lambda: len(frames) == 3)
        await anyio.sleep(0.15)
        assert [frame["seq"] for frame in brain.heard("ack")][-1] == 1
        link.shown("a1")
        await until(lambda: brain.heard("ack")[-1]["seq"] == 3)


async def test_a_lost_connection_resumes_behind_the_last_frame() -> None:
    brain = Brain()
    async with linked(brain) as (link, frames):
        await until(lambda: link.connected)
        await brain.send(7, Delta(ask_id="a1", attempt=1, text="4"))
        await until(lambda: len(frames) == 1)
        await brain.drop()
        await until(lambda: len(brain.heard("hello")) == 2)
    assert brain.heard("hello")[1] | {"session_id": "s1", "after": 7} == brain.heard("hello")[1]


async def test_a_confirmed_ask_is_not_sent_again_and_an_unconfirmed_one_is() -> None:
    brain = Brain()
    async with linked(brain) as (link, frames):
        link.ask(ask("a1"))
        link.ask(ask("a2"))
        await until(lambda: len(brain.heard("ask")) == 2)
        await brain.send(1, Queued(ask_id="a1", request_id="r", position=1))
        await until(lambda: len(frames) == 1)
        await brain.drop()
        await until(lambda: len(brain.heard("ask")) == 3)
    assert brain.heard("ask")[-1]["ask_id"] == "a2"


async def test_a_new_session_counts_from_one_and_brings_unshown_ends_again() -> None:
    brain = Brain(resumes=False)
    async with linked(brain) as (link, frames):
        await until(lambda: link.connected)
        await brain.send(5, done())
        await until(lambda: len(frames) == 1)
        await brain.drop()
        await until(lambda: len(brain.sockets) == 2)
        await brain.send(1, done())
        await until(lambda: len(frames) == 2)
        link.shown("a1")
        await until(lambda: bool(brain.heard("ack")) and brain.heard("ack")[-1]["seq"] == 1)


async def test_a_cancel_while_the_brain_is_away_is_said_when_it_is_back() -> None:
    brain = Brain()
    async with linked(brain) as (link, _):
        await until(lambda: link.connected)
        await brain.drop()
        await until(lambda: not link.connected)
        link.cancel("a1")
        await until(lambda: bool(brain.heard("cancel")))


async def test_a_wrong_token_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    async with linked(Brain(), token="wrong"):
        with anyio.fail_after(5):
            shown = ""
            while "SERVICE_TOKEN" not in shown:
                await anyio.sleep(0.005)
                both = capsys.readouterr()
                shown += both.out + both.err


async def test_a_brain_that_is_killed_while_it_is_spoken_to_ends_nothing() -> None:
    """The writer may notice before the reader does; then, too, the bot lives and comes back."""
    brain = Brain()
    async with linked(brain) as (link, _):
        for number in range(5):
            await until(lambda: link.connected)
            greeted = len(brain.sockets)
            transport = brain.sockets[-1]._req.transport  # type: ignore[union-attr]
            assert transport is not None
            transport.abort()
            for _ in range(20):
                link.cancel(f"{number}")
                await anyio.lowlevel.checkpoint()
            await until(lambda before=greeted: len(brain.sockets) > before)  # type: ignore[misc]


@pytest.mark.parametrize("code", [4001, 1012, 0])
async def test_a_brain_that_stops_before_it_greets_ends_nothing(code: int) -> None:
    brain = Brain(stops=[code])
    async with linked(brain) as (link, _):
        await until(lambda: link.connected)
    assert len(brain.heard("hello")) == 2


async def test_a_frame_that_cannot_be_shown_ends_nothing() -> None:
    def break_on_a1(frame: ToClient) -> None:
        if getattr(frame, "ask_id", None) == "a1":
            raise ValueError

    brain = Brain()
    async with linked(brain, may_take=break_on_a1) as (link, frames):
        await until(lambda: link.connected)
        await brain.send(1, Delta(ask_id="a1", attempt=1, text="x"))
        await brain.send(2, Delta(ask_id="a2", attempt=1, text="x"))
        await until(lambda: bool(frames))
        assert len(brain.heard("hello")) == 1
