"""Gateway sessions: numbered events, kept so that a client which comes back misses none.

Source: Discord's documentation, "Gateway", events, intents, resuming.
"""

from collections import deque
from collections.abc import Callable
from enum import IntFlag

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from rehearsal.discord.world import Json

KEPT_EVENTS = 2000
"""Events a session can replay; one that missed more has to identify anew."""
WAITING_FRAMES = 10_000


class Intent(IntFlag):
    """What a client asks to be told; the first two and the last named are privileged."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_REACTIONS = 1 << 10
    GUILD_TYPING = 1 << 11
    DM_MESSAGES = 1 << 12
    DM_REACTIONS = 1 << 13
    DM_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT


class Line:
    """One open connection: frames wait here in order until its writer has sent them."""

    def __init__(self) -> None:
        ends = anyio.create_memory_object_stream[Json | int](WAITING_FRAMES)
        self._send: MemoryObjectSendStream[Json | int] = ends[0]
        self.frames: MemoryObjectReceiveStream[Json | int] = ends[1]
        self.session: Session | None = None
        self.silent = False
        """The wire stays open and nothing comes over it any more."""

    def send(self, frame: Json) -> None:
        """Send a frame; one that never reads is cut off."""
        try:
            self._send.send_nowait(frame)
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.hang_up(4000)

    def hang_up(self, code: int) -> None:
        """End the connection with a close code once what waits is sent; 0 breaks the wire."""
        try:
            self._send.send_nowait(code)
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._send.close()

    def close(self) -> None:
        """The writer has ended."""
        self._send.close()
        self.frames.close()


class Session:
    """What one client was told since it identified."""

    def __init__(self, session_id: str, intents: int) -> None:
        self.id = session_id
        self.intents = intents
        self.seq = 0
        self.line: Line | None = None
        self._events: deque[Json] = deque(maxlen=KEPT_EVENTS)

    def tell(self, event: str, payload: Json) -> None:
        """Number an event, keep it, and send it if somebody listens."""
        self.seq += 1
        frame = {"op": 0, "t": event, "s": self.seq, "d": payload}
        self._events.append(frame)
        if self.line is not None:
            self.line.send(frame)

    def missed(self, seq: int) -> list[Json] | None:
        """The events after `seq`; None when some of them are forgotten or it never was reached."""
        later = [frame for frame in self._events if frame["s"] > seq]
        return later if 0 <= seq <= self.seq and len(later) == self.seq - seq else None


class Sessions:
    """All sessions, and which of them hear an event."""

    def __init__(self) -> None:
        self.known: dict[str, Session] = {}
        self.lines: set[Line] = set()

    def publish(self, event: str, payload: Json | Callable[[Session], Json], needs: Intent) -> None:
        """Tell every session that asked for `needs`; a callable makes each its own payload."""
        for session in self.known.values():
            if session.intents & needs:
                made = payload if isinstance(payload, dict) else payload(session)
                session.tell(event, made)

    def publish_always(self, event: str, payload: Callable[[Session], Json]) -> None:
        """Tell every session, whatever it asked for."""
        for session in self.known.values():
            session.tell(event, payload(session))

    def forget(self, session: Session) -> None:
        """The session cannot be resumed any more."""
        self.known.pop(session.id, None)
