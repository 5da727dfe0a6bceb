"""A WebSocket client that does what a person would, for the tests of every door."""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect

from shared.protocol import MAX_FRAME_BYTES

LIMIT_SECONDS = 30.0
Frame = dict[str, Any]
_ids = itertools.count(1)


@dataclass
class Client:
    """One WebSocket, with what a person would do."""

    socket: ClientConnection
    seen: list[Frame] = field(default_factory=list)
    session_id: str = ""

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> Frame:
        with anyio.fail_after(LIMIT_SECONDS):
            frame: Frame = json.loads(await self.socket.recv())
        self.seen.append(frame)
        return frame

    async def hello(self, client_id: str = "test", **fields: Any) -> Frame:
        await self.send("hello", client_id=client_id, protocol=1, **fields)
        welcome = await self.receive()
        self.session_id = welcome.get("session_id", "")
        return welcome

    async def ask(self, text: str, *, ask_id: str = "", **fields: Any) -> str:
        ask_id = ask_id or f"ask-{next(_ids)}"
        fields = {"user_id": "42", "user_name": "Anna", "conversation_id": "talk"} | fields
        await self.send("ask", ask_id=ask_id, text=text, **fields)
        return ask_id

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        while True:
            frame = await self.receive()
            if wanted(frame):
                return frame

    async def end_of(self, ask_id: str) -> Frame:
        return await self.until(
            lambda frame: frame["type"] in ("done", "failed") and frame["ask_id"] == ask_id
        )

    async def stage_of(self, ask_id: str, stage: str) -> Frame:
        return await self.until(
            lambda frame: frame.get("stage") == stage and frame["ask_id"] == ask_id
        )

    def of(self, ask_id: str, kind: str) -> list[Frame]:
        return [f for f in self.seen if f["type"] == kind and f.get("ask_id") == ask_id]


@asynccontextmanager
async def connected(url: str, path: str, bearer: str, **options: Any) -> AsyncIterator[Client]:
    """A client at `path` of the brain at `url` (http://…), not greeted yet."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    async with connect(
        url.replace("http", "ws", 1) + path,
        additional_headers=headers,
        max_size=MAX_FRAME_BYTES,
        **options,
    ) as socket:
        yield Client(socket)
