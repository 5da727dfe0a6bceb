"""
One ask over `/ws/chat`, from the question to its one end, across lost connections.

    connect ─▶ hello ─▶ welcome ─┬ new session: send the ask (again: ask_id makes that harmless)
        ▲                        └ resumed: go on behind the last frame seen
        └──── connection lost ◀── frames … until done or failed of this ask ─▶ ack, end
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from admin.cli import words
from admin.cli.door import Door
from admin.cli.errors import AwayTooLong, NotRunning, TooLong
from admin.cli.screen import Screen
from shared.clock import Clock
from shared.protocol import (
    PROTOCOL_VERSION,
    Ack,
    Artifact,
    Ask,
    Cancel,
    Delta,
    Done,
    End,
    Failed,
    Frame,
    Hello,
    Malformed,
    Notice,
    Queued,
    Status,
    Thinking,
    ToClient,
    Welcome,
    parse_to_client,
)

PATIENCE_SECONDS = 120.0
"""How long a brain that went away is waited for."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
TOO_BIG = 1009
ACK_EVERY = 200
"""Frames shown between two acknowledgements; the brain keeps 2 000 pieces at most."""


@dataclass(slots=True)
class _Answer:
    """The answer so far. A higher attempt starts it over (protocol section 3)."""

    attempt: int = 0
    text: str = ""


class Asking:
    """Sees one ask through. `run` once; `cancel` at any time from another task."""

    def __init__(self, door: Door, ask: Ask, *, screen: Screen, clock: Clock) -> None:
        self._door = door
        self._ask = ask
        self._screen = screen
        self._clock = clock
        self._client_id = f"cli-{secrets.token_hex(8)}"
        self._session_id: str | None = None
        self._seen = 0
        self._acknowledged = 0
        self._answer = _Answer()
        self._socket: ClientConnection | None = None
        self._cancelled = False
        self._lost_at: float | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self.request_id: str | None = None
        """Known from the moment the ask is safe in the brain's queue."""

    async def run(self) -> End:
        """
        The end frame, shown and acknowledged.

        Raises `NotRunning` when there never was a connection, `AwayTooLong`, and what signing in
        raises.
        """
        while True:
            try:
                async with self._door.open() as socket:
                    return await self._talk(socket)
            except (NotRunning, ConnectionClosed) as lost:
                if self._session_id is None and isinstance(lost, NotRunning):
                    raise
                if _is_too_big(lost):
                    raise TooLong from lost
                now = self._clock.monotonic()
                self._lost_at = now if self._lost_at is None else self._lost_at
                if now - self._lost_at > PATIENCE_SECONDS:
                    raise AwayTooLong(PATIENCE_SECONDS) from lost
            self._screen.stage("connection lost, waiting for the brain")
            await self._clock.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    async def cancel(self) -> None:
        """Ask the brain to stop; `run` ends with what it answers."""
        self._cancelled = True
        if self._socket is not None and self._session_id is not None:
            await self._send_cancel(self._socket)

    # ------------------------------------------------------------------ one connection

    async def _talk(self, socket: ClientConnection) -> End:
        self._socket = socket
        try:
            hello = Hello(
                client_id=self._client_id,
                protocol=PROTOCOL_VERSION,
                session_id=self._session_id,
                after=self._seen,
            )
            await _send(socket, hello)
            while True:
                end = await self._take(await socket.recv(), socket)
                if end is not None:
                    self._screen.end(end)
                    await _send(socket, Ack(seq=self._seen))
                    return end
        finally:
            self._socket = None

    async def _take(self, raw: str | bytes, socket: ClientConnection) -> End | None:
        try:
            seq, frame = parse_to_client(raw)
        except Malformed:
            return None  # a kind of frame that a newer brain sends
        if isinstance(frame, Welcome):
            await self._welcomed(frame, socket)
            return None
        if seq is not None:
            self._seen = max(self._seen, seq)
        if isinstance(frame, Done | Failed):
            return frame if self._is_mine(frame) else None
        self._show(frame)
        if self._seen - self._acknowledged >= ACK_EVERY:
            self._acknowledged = self._seen
            await _send(socket, Ack(seq=self._seen))
        return None

    async def _welcomed(self, welcome: Welcome, socket: ClientConnection) -> None:
        self._session_id = welcome.session_id
        if not welcome.resumed:
            # The text so far comes again as one piece.
            self._seen = self._acknowledged = 0
            self._answer.text = ""
        if not welcome.resumed or self.request_id is None:
            await _send(socket, self._ask)
        if self._cancelled:
            await self._send_cancel(socket)

    def _is_mine(self, end: End) -> bool:
        # Without an ask_id the brain could not read a frame of ours; there is only this ask.
        if isinstance(end, Done):
            self._on_attempt(end.attempt)
        return end.ask_id in (self._ask.ask_id, None)

    def _show(self, frame: ToClient) -> None:
        match frame:
            case Notice(message=message):
                self._screen.note(message)
            case Queued() | Status() | Delta() | Thinking() | Artifact():
                if frame.ask_id == self._ask.ask_id:
                    # A greeting alone is no progress: a brain may fall over our ask each time.
                    self._lost_at, self._pause = None, FIRST_PAUSE_SECONDS
                    self._show_mine(frame)
            case _:
                pass

    def _show_mine(self, frame: Queued | Status | Delta | Thinking | Artifact) -> None:
        match frame:
            case Queued():
                if self.request_id is None:
                    self._screen.note(f"request {frame.request_id}")
                self.request_id = frame.request_id
                held = "held for maintenance, " if frame.maintenance else ""
                self._screen.stage(held + words.place(frame.position))
            case Status():
                self._on_attempt(frame.attempt)
                self._screen.stage(words.stage(frame))
            case Delta():
                if self._on_attempt(frame.attempt):
                    self._answer.text += frame.text
                    self._screen.answer(self._answer.text)
            case Thinking():
                if self._on_attempt(frame.attempt):
                    self._screen.thinking(frame.text)
            case Artifact():
                self._screen.note(words.saved(frame))

    def _on_attempt(self, attempt: int) -> bool:
        """Whether a frame of `attempt` counts; a higher one than before starts the answer over."""
        if attempt > self._answer.attempt:
            if self._answer.attempt:
                self._screen.start_over(attempt)
            self._answer = _Answer(attempt=attempt)
        return attempt == self._answer.attempt

    async def _send_cancel(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # sent again after the next welcome
            await _send(socket, Cancel(ask_id=self._ask.ask_id))


def _is_too_big(lost: Exception) -> bool:
    closed = lost.rcvd if isinstance(lost, ConnectionClosed) else None
    return closed is not None and closed.code == TOO_BIG


async def _send(socket: ClientConnection, frame: Frame) -> None:
    await socket.send(frame.model_dump_json(exclude_none=True))
