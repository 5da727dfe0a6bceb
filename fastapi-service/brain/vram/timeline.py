"""
How memory was used in the last hours, and what came and went: for people, never to decide by.

The state is looked at every two seconds; what differs from the look before becomes events, and
every ten seconds one look is kept as a sample. Nothing of it outlives the process.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from brain.vram.decisions import Decision
from brain.vram.memory.sample import MemorySample
from brain.vram.status import LoadedModel, Status
from shared.background import keep_running
from shared.clock import Clock

LOOK_SECONDS = 2.0
SAMPLE_SECONDS = 10.0
KEPT_SAMPLES = 6 * 360
"""Six hours."""

KEPT_EVENTS = 2000
ROOM = "it was asked for, and there was room"
FOUND = "its server had it in memory already"
GONE = "its server no longer has it in memory"
What = Literal["loaded", "found", "unloaded", "crashed", "pressure"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One look: what the machine said, and the GB (10^9 bytes) of each model in memory."""

    at: float
    memory: MemorySample | None
    models: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `model` is empty where it is about the machine."""

    at: float
    event: What
    model: str
    why: str


class Timeline:
    """The last six hours, as `look` showed them."""

    def __init__(self, look: Callable[[], Status], *, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._before: Status | None = None
        self._samples: deque[Moment] = deque(maxlen=KEPT_SAMPLES)
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await keep_running("timeline", self._step, every_seconds=LOOK_SECONDS, clock=self._clock)

    def note(self) -> None:
        """Look once."""
        now, status = self._clock.now(), self._look()
        self._events.extend(events_between(self._before, status, at=now))
        self._before = status
        if not self._samples or now - self._samples[-1].at >= SAMPLE_SECONDS - LOOK_SECONDS / 2:
            self._samples.append(Moment(now, status.memory, _sizes(status.loaded)))

    def since(self, moment: float) -> tuple[Sequence[Moment], Sequence[Event]]:
        """The samples and events from `moment` (seconds since 1970) on, oldest first."""
        samples = [one for one in self._samples if one.at >= moment]
        events = sorted((one for one in self._events if one.at >= moment), key=lambda one: one.at)
        return samples, events

    async def _step(self) -> None:
        self.note()


def events_between(before: Status | None, after: Status, *, at: float) -> list[Event]:
    """What happened between two looks, the second of them at `at`; nothing before the first."""
    if before is None:
        return []
    decided = _new(before.decisions, after.decisions)
    return [
        *_came(before, after, at=at),
        *_left(before, after, decided, at=at),
        *_pressed(before, after, at=at),
    ]


def _came(before: Status, after: Status, *, at: float) -> Iterator[Event]:
    known = _present(before.loaded)
    for name, one in _present(after.loaded).items():
        old = known.get(name)
        if old is not None and old.loaded_at == one.loaded_at:
            continue
        came_at = one.loaded_at or at
        if not one.estimate_gb:
            yield Event(came_at, "found", name, FOUND)
        else:
            yield Event(came_at, "loaded", name, _why_loaded(name, after.decisions))


def _why_loaded(model: str, decisions: Sequence[Decision]) -> str:
    for one in decisions:  # the newest first
        if model in one.victims:
            return ROOM
        if one.model == model and one.victims:
            return f"it was asked for; {', '.join(one.victims)} left for it: {one.reason}"
    return ROOM


def _left(
    before: Status, after: Status, decided: Sequence[Decision], *, at: float
) -> Iterator[Event]:
    told = set()
    for one in decided:
        for model in one.victims:
            told.add(model)
            yield Event(one.at, "crashed" if one.kind == "crash" else "unloaded", model, one.reason)
    decided_before = {model for one in before.decisions[:10] for model in one.victims}
    for model in _present(before.loaded).keys() - _present(after.loaded).keys():
        if model not in told and model not in decided_before:
            yield Event(at, "unloaded", model, GONE)


def _pressed(before: Status, after: Status, *, at: float) -> Iterator[Event]:
    if after.level != before.level:
        why = f"{after.level.name.lower()}: {after.level_reason}".rstrip(": ")
        yield Event(after.level_since or at, "pressure", "", why)


def _new(before: Sequence[Decision], after: Sequence[Decision]) -> list[Decision]:
    """The decisions since; both lists have the newest first."""
    last = before[0] if before else None
    found = []
    for one in after:
        if one is last:
            break
        found.append(one)
    return found


def _present(loaded: Sequence[LoadedModel]) -> dict[str, LoadedModel]:
    return {one.name: one for one in loaded if one.state != "parked"}


def _sizes(loaded: Sequence[LoadedModel]) -> dict[str, float]:
    """What copies on several servers take together."""
    sizes: dict[str, float] = {}
    for one in loaded:
        if one.size_gb > 0:
            sizes[one.name] = round(sizes.get(one.name, 0.0) + one.size_gb, 3)
    return sizes
