"""
Where frames wait for their client.

A turn puts frames into the outbox of the client that asked; a socket takes them out. The two never
meet: a client that lost its connection says the last number it saw and goes on behind it.

Frames are numbered from 1 within a session and kept until acknowledged. Light frames (pieces of
text, status lines) are dropped, oldest first, when a client takes too long; a gap in the numbers
shows it. End frames and artifacts are kept; should even those pass their bound, the store still
has every end frame.

What is not sent yet is merged: a slow client gets fewer, longer pieces instead of losing some.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio

from shared.protocol import (
    Artifact,
    Delta,
    Done,
    End,
    Failed,
    Queued,
    Status,
    Thinking,
    ToClient,
)

MAX_LIGHT_FRAMES = 2_000
MAX_LASTING_FRAMES = 1_000
MAX_IDLE_OUTBOXES = 1_000
MAX_PIECE_CHARS = 16_000
"""An unsent piece grows to this before the next one gets a number of its own."""


@dataclass(slots=True)
class _Live:
    """What a client that starts anew must be told about a running ask."""

    queued: Queued | None = None
    status: Status | None = None
    attempt: int = 0
    text: list[str] = field(default_factory=list)

    def note(self, frame: ToClient) -> None:
        match frame:
            case Queued():
                self.queued = frame
            case Status():
                self._restart_if_new(frame.attempt)
                self.status = frame
            case Delta():
                self._restart_if_new(frame.attempt)
                self.text.append(frame.text)
            case _:
                pass

    def frames(self, ask_id: str) -> Iterable[ToClient]:
        if self.queued is not None:
            yield self.queued
        if self.status is not None:
            yield self.status
        if self.text:
            yield Delta(ask_id=ask_id, attempt=self.attempt, text="".join(self.text))

    def _restart_if_new(self, attempt: int) -> None:
        if attempt > self.attempt:
            self.attempt = attempt
            self.text.clear()


class Outbox:
    """The frames of one client. One socket reads at a time; any number of turns write."""

    def __init__(self) -> None:
        self.session_id = ""
        self._last = 0
        self._light: dict[int, ToClient] = {}
        self._lasting: dict[int, ToClient] = {}
        self._sent = 0
        self._open_piece: dict[str, int] = {}
        self._live: dict[str, _Live] = {}
        self._news = anyio.Event()
        self._replaced: anyio.Event | None = None

    # ------------------------------------------------------------------ writing

    def put(self, frame: ToClient) -> None:
        """Number `frame` and keep it until it is acknowledged. Never waits."""
        ask_id = getattr(frame, "ask_id", None)
        if ask_id is not None:
            self._follow(ask_id, frame)
        if not self.session_id:
            return  # nobody has greeted yet; `greet` tells what is going on
        if isinstance(frame, Delta | Thinking) and self._merge(frame):
            return
        self._last += 1
        lasting = isinstance(frame, Done | Failed | Artifact)
        (self._lasting if lasting else self._light)[self._last] = frame
        if ask_id is not None:
            self._open_piece[ask_id] = self._last
            if isinstance(frame, Done | Failed):
                del self._open_piece[ask_id]
        self._forget_the_oldest()
        self._news.set()

    def _follow(self, ask_id: str, frame: ToClient) -> None:
        if isinstance(frame, Done | Failed):
            self._live.pop(ask_id, None)
        elif isinstance(frame, Queued | Status | Delta):
            self._live.setdefault(ask_id, _Live()).note(frame)

    def _merge(self, frame: Delta | Thinking) -> bool:
        """Append to the last frame of this ask if that is an unsent piece of the same kind."""
        seq = self._open_piece.get(frame.ask_id, 0)
        last = self._light.get(seq) if seq > self._sent else None
        if (
            isinstance(last, type(frame))
            and last.attempt == frame.attempt
            and len(last.text) < MAX_PIECE_CHARS
        ):
            self._light[seq] = last.model_copy(update={"text": last.text + frame.text})
            return True
        return False

    def _forget_the_oldest(self) -> None:
        for kept, bound in (
            (self._light, MAX_LIGHT_FRAMES),
            (self._lasting, MAX_LASTING_FRAMES),
        ):
            while len(kept) > bound:
                del kept[next(iter(kept))]

    # ------------------------------------------------------------------ reading

    def greet(self, session_id: str | None, after: int) -> bool:
        """
        Begin or resume a session; whether it was resumed behind frame number `after`.

        A new session starts at 1 with what is going on right now.
        """
        if session_id is not None and secrets.compare_digest(
            session_id.encode(), (self.session_id or "-").encode()
        ):
            self._sent = min(after, self._last)
            self._news.set()
            return True
        self.session_id = secrets.token_urlsafe(24)
        self._last = self._sent = 0
        self._light.clear()
        self._lasting.clear()
        self._open_piece.clear()
        for ask_id, live in list(self._live.items()):
            for frame in live.frames(ask_id):
                self._last += 1
                self._light[self._last] = frame
        self._news.set()
        return False

    def attach(self) -> anyio.Event:
        """Become the reader; the event is set when another connection takes over."""
        if self._replaced is not None:
            self._replaced.set()
        self._replaced = anyio.Event()
        return self._replaced

    def detach(self, replaced: anyio.Event) -> None:
        """Stop being the reader, unless another took over already."""
        if self._replaced is replaced:
            self._replaced = None

    async def next_frames(self) -> list[tuple[int, ToClient]]:
        """Wait for unsent frames and return them in order; they count as sent."""
        while True:
            found = self._unsent()
            if found:
                self._sent = found[-1][0]
                return found
            self._news = anyio.Event()
            await self._news.wait()

    def _unsent(self) -> list[tuple[int, ToClient]]:
        if self._sent >= self._last:
            return []
        unsent = []
        for kept in (self._light, self._lasting):
            for seq in reversed(kept):
                if seq <= self._sent:
                    break
                unsent.append((seq, kept[seq]))
        self._sent = self._last if not unsent else self._sent
        unsent.sort(key=lambda numbered: numbered[0])
        return unsent

    def acknowledge(self, seq: int) -> list[End]:
        """Forget all frames up to `seq`; the end frames among them, which have now been shown."""
        for number in [number for number in self._light if number <= seq]:
            del self._light[number]
        shown = [number for number in self._lasting if number <= seq]
        ends = []
        for number in shown:
            frame = self._lasting.pop(number)
            if isinstance(frame, Done | Failed):
                ends.append(frame)
        return ends

    def holds_end_of(self, ask_id: str) -> bool:
        """Whether the end frame of that ask is kept here."""
        return any(
            isinstance(frame, Done | Failed) and frame.ask_id == ask_id
            for frame in self._lasting.values()
        )

    @property
    def attached(self) -> bool:
        """Whether a socket is reading."""
        return self._replaced is not None

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it: no reader, no running ask."""
        return not self.attached and not self._live


class Outboxes:
    """One outbox a client, found by who authenticated and the client's own id."""

    def __init__(self) -> None:
        self._outboxes: dict[tuple[str, str], Outbox] = {}

    def of(self, principal: str, client_id: str) -> Outbox:
        """The outbox of that client, made on first use."""
        address = (principal, client_id)
        outbox = self._outboxes.pop(address, None) or Outbox()
        self._outboxes[address] = outbox  # the last used stand last
        self._forget_idle()
        return outbox

    def put(self, principal: str, client_id: str, frame: ToClient) -> None:
        """Hand `frame` to that client; plain HTTP callers (no client id) fetch their end."""
        if client_id:
            self.of(principal, client_id).put(frame)

    def put_to_all(self, frame: ToClient) -> None:
        """Hand `frame` to every client that is connected."""
        for outbox in self._outboxes.values():
            if outbox.attached:
                outbox.put(frame)

    @property
    def connected(self) -> int:
        """How many sockets are reading."""
        return sum(outbox.attached for outbox in self._outboxes.values())

    def _forget_idle(self) -> None:
        if len(self._outboxes) <= MAX_IDLE_OUTBOXES:
            return
        for address, outbox in list(self._outboxes.items())[:-1]:
            if outbox.idle:
                del self._outboxes[address]
            if len(self._outboxes) <= MAX_IDLE_OUTBOXES:
                return
