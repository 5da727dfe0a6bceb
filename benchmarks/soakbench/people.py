"""People at chat sockets: they ask, wait, give up, lose their connection and come back."""

import json
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from soakbench.ledger import Ask, Ledger, question
from soakbench.platform import MODELS, Platform

FRAME_BYTES = 1 << 24
PAUSE_SECONDS = 1.5
LOOK_SECONDS = 0.2
CANCELS = 0.1
BREAKS = 0.12
PINS = 0.6
"""Shares of asks that are cancelled, during which the line breaks, that name a model."""

ASKS_A_CONVERSATION = 6


class LineBroke(Exception):
    """The connection is given up on our side."""


@dataclass
class Person:
    """One client of a chat socket; a bot asks for several people at once."""

    platform: Platform
    ledger: Ledger
    name: str
    rng: Random
    at_once: int = 1
    path: str = "/ws/chat"
    session_id: str = ""
    after: int = 0
    over: bool = False
    """No more questions; what is open is still waited for."""

    asked: int = 0
    open: dict[str, Ask] = field(default_factory=dict)
    next_at: float = 0.0
    cancel_at: dict[str, float] = field(default_factory=dict)
    break_at: float = float("inf")

    async def live(self) -> None:
        """Until `over` and nothing is open."""
        await anyio.sleep(self.rng.random() * PAUSE_SECONDS)
        while not (self.over and not self.open):
            try:
                async with connect(
                    self.platform.url.replace("http", "ws", 1) + self.path,
                    additional_headers={"Authorization": f"Bearer {self._token()}"},
                    max_size=FRAME_BYTES,
                    open_timeout=5,
                    close_timeout=1,
                ) as socket:
                    await self._talk(socket)
            except (OSError, WebSocketException, LineBroke, TimeoutError):
                for ask in self.open.values():
                    ask.saw_all = False
                await anyio.sleep(0.2 + self.rng.random())

    def _token(self) -> str:
        if self.path == "/ws/discord":
            return self.platform.secrets["SERVICE_TOKEN"]
        return self.platform.token(self.name)

    async def _talk(self, socket: ClientConnection) -> None:
        hello = {"client_id": self.name, "protocol": 1}
        if self.session_id:
            hello |= {"session_id": self.session_id, "after": self.after}
        await self._send(socket, "hello", **hello)
        for ask in self.open.values():
            await self._put(socket, ask)
        while not (self.over and not self.open):
            await self._act(socket)
            with anyio.move_on_after(LOOK_SECONDS):
                await self._take(socket, json.loads(await socket.recv()))

    async def _act(self, socket: ClientConnection) -> None:
        now = monotonic()
        for ask_id in [one for one, at in self.cancel_at.items() if at <= now]:
            del self.cancel_at[ask_id]
            if ask_id in self.open:
                self.open[ask_id].cancelled = True
                await self._send(socket, "cancel", ask_id=ask_id)
        if now >= self.break_at:
            self.break_at = float("inf")
            socket.transport.abort()
            raise LineBroke
        if not self.over and len(self.open) < self.at_once and now >= self.next_at:
            self.next_at = now + self.rng.random() * PAUSE_SECONDS
            await self._ask(socket, now)

    async def _ask(self, socket: ClientConnection, now: float) -> None:
        self.asked += 1
        number = self.rng.randint(20, 150)
        model = self.rng.choice(list(MODELS)) if self.rng.random() < PINS else None
        ask = Ask(f"{self.name}-{self.asked}", self.path, number, now, model)
        self.open[ask.ask_id] = self.ledger.open(ask)
        if self.rng.random() < CANCELS:
            self.cancel_at[ask.ask_id] = now + self.rng.random() * 4
        if self.rng.random() < BREAKS:
            self.break_at = now + self.rng.random() * 4
        await self._put(socket, ask)

    async def _put(self, socket: ClientConnection, ask: Ask) -> None:
        n = int(ask.ask_id.rpartition("-")[2])
        talk = f"{self.name}-{n % self.at_once}-{n // ASKS_A_CONVERSATION}"
        await self._send(
            socket,
            "ask",
            ask_id=ask.ask_id,
            user_id=f"{n % self.at_once}",
            user_name=self.name,
            conversation_id=talk,
            text=question(ask.number, n),
            options={"model": ask.model} if ask.model else {},
        )

    async def _take(self, socket: ClientConnection, frame: dict[str, Any]) -> None:
        if frame["type"] == "welcome":
            self.session_id = frame["session_id"]
            self.after = self.after if frame["resumed"] else 0
            return
        seq = frame.get("seq")
        if seq is not None:
            if seq > self.after + 1:
                for one in self.open.values():
                    one.saw_all = False
            self.after = seq
        ask = self.ledger.asks.get(frame.get("ask_id") or "")
        if ask is None:
            if frame["type"] == "failed":
                self.ledger.wrong.append(f"{self.name} was told {frame['code']} of nothing asked")
            return
        self._show(ask, frame)
        if frame["type"] in ("done", "failed"):
            self._end(ask, frame)
            await self._send(socket, "ack", seq=seq)

    def _show(self, ask: Ask, frame: dict[str, Any]) -> None:
        attempt = frame.get("attempt", 0)
        if attempt > ask.shown_attempt:
            ask.shown_attempt, ask.shown = attempt, ""
        if frame["type"] == "delta" and attempt == ask.shown_attempt:
            ask.shown += frame["text"]

    def _end(self, ask: Ask, frame: dict[str, Any]) -> None:
        code = frame.get("code", "done")
        if code == "store.unavailable" or (code == "chat.unknown_ask" and not ask.end):
            return  # it may be sent again, and is, at the next welcome
        text = frame["text"] if frame["type"] == "done" else frame["message"]
        self.ledger.ended(ask, code, text, frame.get("attempt", ask.shown_attempt))
        self.open.pop(ask.ask_id, None)

    async def _send(self, socket: ClientConnection, kind: str, **fields: Any) -> None:
        await socket.send(json.dumps({"type": kind, **fields}))
