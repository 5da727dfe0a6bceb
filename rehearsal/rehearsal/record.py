"""What the servers saw and did, for a test or a person to read back at `/rehearsal/log`."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import anyio

from rehearsal.conversation import Conversation
from rehearsal.errors import Refusal
from rehearsal.pace import Pace

KEPT_REQUESTS = 1000
KEPT_EVENTS = 5000
KEPT_CHARACTERS = 2000

EventKind = Literal[
    "load_started",
    "loaded",
    "load_failed",
    "load_aborted",
    "unloaded",
    "evicted",
    "reloaded",
    "parked",
    "woken",
    "died",
]


@dataclass(slots=True)
class RequestEntry:
    """
    One request; moments are real monotonic seconds, None until they happen.

    `disconnected` is when the server learned that the client had gone before the end.
    """

    number: int
    door: Literal["ollama", "openai"]
    path: str
    model: str
    received: float
    body: Mapping[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    started: float | None = None
    first_token: float | None = None
    ended: float | None = None
    disconnected: float | None = None
    tokens: int = 0
    prompt_tokens: int = 0
    status: int = 200
    error: str | None = None
    fault: str | None = None

    def heard(self, conversation: Conversation) -> None:
        """Keep what was said, each text shortened to 2,000 characters."""
        self.messages = [
            {
                "role": said.role,
                "text": said.text[:KEPT_CHARACTERS],
                "images": said.images,
                "calls": [asdict(call) for call in said.calls],
                "tool_name": said.tool_name,
            }
            for said in conversation.messages
        ]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the memory, at a real monotonic second."""

    at: float
    kind: EventKind
    model: str


class Record:
    """The last requests and memory events, and counters since the start (or the last clearing)."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.requests: deque[RequestEntry] = deque(maxlen=KEPT_REQUESTS)
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self.counts: dict[str, Counter[str]] = {}
        self.active = 0
        self._number = 0

    def happened(self, kind: EventKind, model: str, *, at: float | None = None) -> None:
        """Note a memory event, now or at the real second `at`."""
        self.events.append(Event(self._pace.real() if at is None else at, kind, model))
        self.counts.setdefault(model, Counter())[kind] += 1

    def count(self, kind: EventKind, model: str) -> int:
        """How often this happened to `model`."""
        return self.counts.get(model, Counter())[kind]

    @contextmanager
    def request(
        self, door: Literal["ollama", "openai"], path: str, model: str, body: Mapping[str, Any]
    ) -> Iterator[RequestEntry]:
        """Keep an entry for a request while it is served, and note how it ended."""
        self._number += 1
        brief = {key: value for key, value in body.items() if key not in _BULKY}
        entry = RequestEntry(self._number, door, path, model, self._pace.real(), brief)
        self.requests.append(entry)
        self.active += 1
        try:
            yield entry
        except Refusal as refusal:
            entry.status, entry.error = refusal.status, refusal.message
            raise
        except (anyio.get_cancelled_exc_class(), ConnectionError):
            entry.disconnected = self._pace.real()
            raise
        finally:
            self.active -= 1
            entry.ended = self._pace.real()

    def clear(self) -> None:
        """Forget everything so far."""
        self.requests.clear()
        self.events.clear()
        self.counts.clear()

    def report(self) -> dict[str, Any]:
        """Everything as JSON can carry it; `now` is the same clock as every other moment."""
        return {
            "now": self._pace.real(),
            "active": self.active,
            "requests": [asdict(entry) for entry in self.requests],
            "events": [asdict(event) for event in self.events],
            "counts": {model: dict(kinds) for model, kinds in self.counts.items()},
        }


_BULKY = ("messages", "prompt", "input", "images")
