"""
Where frames wait for their client.

A turn puts frames into the outbox of the client that asked; a socket takes them out. The two never
meet: a client that lost its connection says the last number it saw and goes on behind it.

Frames are numbered from 1 within a session and kept until acknowledged. Light frames (pieces of
text, status lines) are dropped, oldest first, when a client takes too long; a gap in the numbers
shows it. End frames and artifacts are kept; should even those pass their bound, the store still
has every end frame.

What is not sent yet is merged: a slow client gets fewer, longer pieces instead of losing some.
Status lines and more of a text that is being shown already wait up to `PACE_SECONDS` for company,
so that the frames of many answers for one client share their way; everything else goes at once and
takes along what waits.
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

PACE_SECONDS = 0.01
"""Well under what a person notices."""


class _Bell:
    """Wakes the one who waits; ringing costs nothing while nobody does."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        self._event.set()

    def silence(self) -> None:
        if self._event.is_set():
            self._event = anyio.Event()

    @property
    def rung(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        if not self._event.is_set():
            await self._event.wait()


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


class Reader:
    """One connection's place in an outbox; useless once another connection has taken over."""

    def __init__(self, outbox: "Outbox", *, sent: int, resumed: bool) -> None:
        self._outbox = outbox
        self.sent = sent
        self.resumed = resumed
        self.replaced = anyio.Event()

    @property
    def session_id(self) -> str:
        """The session this connection belongs to."""
        return self._outbox.session_id

    def put(self, frame: ToClient) -> None:
        """Hand `frame` to this client."""
        self._outbox.put(frame)

    async def next_frames(self) -> list[tuple[int, ToClient]]:
        """Wait for unsent frames and return them in order; they count as sent."""
        outbox = self._outbox
        while True:
            await outbox.news.wait()
            if not outbox.hurry.rung:
                with anyio.move_on_after(PACE_SECONDS):
                    await outbox.hurry.wait()
            if self.replaced.is_set():
                await anyio.sleep_forever()
            found = outbox.unsent(after=self.sent)
            outbox.news.silence()
            outbox.hurry.silence()
            if found:
                self.sent = outbox.sent = found[-1][0]
                return found

    def acknowledge(self, seq: int) -> list[End]:
        """Forget all frames up to `seq`; the end frames among them, which have now been shown."""
        return [] if self.replaced.is_set() else self._outbox.forget_until(seq)

    def leave(self) -> None:
        """The connection is gone; its frames wait."""
        self._outbox.leave(self)


class Outbox:
    """The frames of one client. One connection reads at a time; any number of turns write."""

    def __init__(self) -> None:
        self.session_id = ""
        self.sent = 0
        self.news = _Bell()
        self.hurry = _Bell()
        """There is news that does not wait for company."""
        self._last = 0
        self._light: dict[int, ToClient] = {}
        self._lasting: dict[int, ToClient] = {}
        self._newest: dict[str, tuple[int, ToClient]] = {}
        """The last frame of each running ask, sent or not."""
        self._live: dict[str, _Live] = {}
        self._reader: Reader | None = None

    # ------------------------------------------------------------------ writing

    def put(self, frame: ToClient) -> None:
        """Number `frame` and keep it until it is acknowledged. Never waits."""
        ask_id = getattr(frame, "ask_id", None)
        if ask_id is not None:
            self._follow(ask_id, frame)
        lasting = isinstance(frame, Done | Failed | Artifact)
        if not lasting and not self.session_id:
            return  # nobody has greeted yet; `greet` tells what is going on
        goes_on = False
        if isinstance(frame, Delta | Thinking):
            goes_on = self._goes_on(frame)
            if goes_on and self._merge(frame):
                return
        self._last += 1
        (self._lasting if lasting else self._light)[self._last] = frame
        if ask_id is not None:
            self._newest[ask_id] = self._last, frame
            if isinstance(frame, Done | Failed):
                del self._newest[ask_id]
        self._forget_the_oldest()
        if not (goes_on or isinstance(frame, Status)):
            self.hurry.ring()
        self.news.ring()

    def _follow(self, ask_id: str, frame: ToClient) -> None:
        if isinstance(frame, Done | Failed):
            self._live.pop(ask_id, None)
        elif isinstance(frame, Queued | Status | Delta):
            self._live.setdefault(ask_id, _Live()).note(frame)

    def _goes_on(self, frame: Delta | Thinking) -> bool:
        """Whether the frame of this ask before was a piece of the same text."""
        _, last = self._newest.get(frame.ask_id, (0, None))
        return isinstance(last, type(frame)) and last.attempt == frame.attempt

    def _merge(self, frame: Delta | Thinking) -> bool:
        """Append to the piece before if that is not sent yet."""
        seq, last = self._newest[frame.ask_id]
        assert isinstance(last, Delta | Thinking)
        if seq <= self.sent or seq not in self._light or len(last.text) >= MAX_PIECE_CHARS:
            return False
        merged = last.model_copy(update={"text": last.text + frame.text})
        self._light[seq] = merged
        self._newest[frame.ask_id] = seq, merged
        return True

    def _forget_the_oldest(self) -> None:
        for kept, bound in (
            (self._light, MAX_LIGHT_FRAMES),
            (self._lasting, MAX_LASTING_FRAMES),
        ):
            while len(kept) > bound:
                del kept[next(iter(kept))]

    # ------------------------------------------------------------------ reading

    def greet(self, session_id: str | None, after: int) -> Reader:
        """
        Begin or resume a session and become its reader; whoever read before reads no more.

        A known session goes on behind frame number `after`. A new one starts at 1 with the end
        frames that were not acknowledged and with what is going on right now.
        """
        resumed = bool(self.session_id) and _same(session_id, self.session_id)
        if not resumed:
            self.session_id = secrets.token_urlsafe(24)
            self._number_anew()
        if self._reader is not None:
            self._reader.replaced.set()
        self.sent = min(after, self._last) if resumed else 0
        self._reader = Reader(self, sent=self.sent, resumed=resumed)
        self.hurry.ring()
        self.news.ring()
        return self._reader

    def _number_anew(self) -> None:
        ends = list(self._lasting.values())
        self._light.clear()
        self._lasting = dict(enumerate(ends, start=1))
        self._last = len(ends)
        self._newest.clear()
        for ask_id, live in self._live.items():
            for frame in live.frames(ask_id):
                self._last += 1
                self._light[self._last] = frame

    def unsent(self, *, after: int) -> list[tuple[int, ToClient]]:
        """The kept frames with a number above `after`, in order."""
        found = []
        for kept in (self._light, self._lasting):
            for seq in reversed(kept):
                if seq <= after:
                    break
                found.append((seq, kept[seq]))
        found.sort(key=lambda numbered: numbered[0])
        return found

    def forget_until(self, seq: int) -> list[End]:
        """Drop all frames up to `seq`; the end frames among them."""
        ends = []
        for kept in (self._light, self._lasting):
            while (first := next(iter(kept), seq + 1)) <= seq:
                frame = kept.pop(first)
                if isinstance(frame, Done | Failed):
                    ends.append(frame)
        return ends

    def leave(self, reader: Reader) -> None:
        """This connection is gone, unless another took over already."""
        if self._reader is reader:
            self._reader = None

    def kept_ends(self) -> set[str | None]:
        """Ids of the asks whose end frames are kept here."""
        return {f.ask_id for f in self._lasting.values() if isinstance(f, Done | Failed)}

    @property
    def attached(self) -> bool:
        """Whether a connection is reading."""
        return self._reader is not None

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it: no reader, no running ask."""
        return not self.attached and not self._live


def _same(given: str | None, own: str) -> bool:
    return given is not None and secrets.compare_digest(given.encode(), own.encode())


class Outboxes:
    """One outbox a client, found by who authenticated and the client's own id."""

    def __init__(self) -> None:
        self._outboxes: dict[tuple[str, str], Outbox] = {}
        self._sweep_at = MAX_IDLE_OUTBOXES

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
            known = self._outboxes.get((principal, client_id))
            (known or self.of(principal, client_id)).put(frame)

    def forget(self, principal: str, client_id: str) -> None:
        """Drop the outbox of a client that will not come back."""
        self._outboxes.pop((principal, client_id), None)

    def put_to_all(self, frame: ToClient) -> None:
        """Hand `frame` to every client that is connected."""
        for outbox in self._outboxes.values():
            if outbox.attached:
                outbox.put(frame)

    def put_to_all_of(self, principal: str, frame: ToClient) -> None:
        """Hand `frame` to every client of this principal that is connected."""
        for (who, _), outbox in self._outboxes.items():
            if who == principal and outbox.attached:
                outbox.put(frame)

    @property
    def connected(self) -> int:
        """How many sockets are reading."""
        return sum(outbox.attached for outbox in self._outboxes.values())

    def __len__(self) -> int:
        return len(self._outboxes)

    def _forget_idle(self) -> None:
        if len(self._outboxes) <= self._sweep_at:
            return
        for address in [a for a, outbox in self._outboxes.items() if outbox.idle][:-1]:
            del self._outboxes[address]
        # Connected ones stay; the next sweep comes when as many again have been added.
        self._sweep_at = len(self._outboxes) + MAX_IDLE_OUTBOXES
