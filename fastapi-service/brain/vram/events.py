"""What the core is told, and what it wants done about it. `at` is seconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from brain.catalogue.models import ModelSpec
from brain.vram.memory.sample import MemorySample
from brain.vram.policies.planner import Problem, Values
from brain.vram.residents import Inventory, Place, ServerFacts

Cause = Literal["missing", "unreachable", "failed", "never_fits", "breaker_open"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Why a caller still waits. `eta_seconds` is a guess from earlier loads, or None."""

    stage: Literal["waiting", "loading_model"]
    model: str
    eta_seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something could not be done; `reason` is part of a sentence for a person."""

    cause: Cause
    reason: str
    server: str | None = None
    need_gb: float = 0.0
    ceiling_gb: float = 0.0
    retry_seconds: float | None = None


# ------------------------------------------------------------------ events


@dataclass(frozen=True, slots=True)
class Acquire:
    """Somebody wants to use `model`."""

    ticket: int
    model: str
    at: float
    arrived: float | None = None
    """When the question arrived that this is a stage of; None: now."""

    patient: bool = True
    """Waits also while the model rests after crashes."""

    speculative: bool = False
    """Nobody waits for it: it may be put off, and aborted when it leaves."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The holder or waiter of `ticket` is done with it. Twice is once, unknown is nothing."""

    ticket: int
    at: float
    ok: bool | None = None
    """Whether the model did its work; None: nobody can say."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The holder of `ticket` lost its connection to the model in the middle of an answer."""

    ticket: int
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class LoadDone:
    """A load ended. `measured_gb` is the server's own figure, if it gave one."""

    place: Place
    epoch: int
    at: float
    seconds: float
    measured_gb: float | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class UnloadDone:
    """
    An unload ended; without `failure` the server confirmed that the model is gone.

    `parked_gb`: it sleeps, and takes that much.
    """

    place: Place
    epoch: int
    at: float
    failure: Failure | None = None
    parked_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody wants to know what `server` has."""

    server: str
    at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A server answered, or did not (`problem`), to a question asked at `version`."""

    server: str
    version: int
    at: float
    inventory: Inventory | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sampled:
    """The machine's memory was read."""

    sample: MemorySample

    @property
    def at(self) -> float:
        """When it was read."""
        return self.sample.at


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; once a second."""

    at: float


@dataclass(frozen=True, slots=True)
class Solved:
    """The expected values of all sets of models in `domain` were computed."""

    domain: str
    values: Values | None
    at: float


@dataclass(frozen=True, slots=True)
class ServerAdded:
    """A server joined, or one of that name was given other limits."""

    facts: ServerFacts
    at: float


@dataclass(frozen=True, slots=True)
class ServerDrains:
    """A server is to be left alone (or used again)."""

    server: str
    draining: bool
    at: float


@dataclass(frozen=True, slots=True)
class ServerGone:
    """A server is no longer ours to use; leases on it are lost."""

    server: str
    at: float


@dataclass(frozen=True, slots=True)
class AskPlan:
    """An operator asks what a load would do."""

    ticket: int
    model: str
    at: float


@dataclass(frozen=True, slots=True)
class AskUnload:
    """An operator wants `model` out of memory, or (None) everything that is idle down to a goal."""

    ticket: int
    model: str | None
    at: float


@dataclass(frozen=True, slots=True)
class SetBreaker:
    """An operator forgets the crashes of a model, or (`forced_open`) lets nobody load it."""

    model: str
    at: float
    forced_open: bool = False


Event = (
    Acquire | Leave | Trouble | LoadDone | UnloadDone | Look | Snapshot | Sampled | Tick | Solved
    | ServerAdded | ServerDrains | ServerGone | AskPlan | AskUnload | SetBreaker
)  # fmt: skip


# ------------------------------------------------------------------ effects


@dataclass(frozen=True, slots=True)
class StartLoad:
    """Bring a model into memory and answer with `LoadDone` of this epoch."""

    place: Place
    epoch: int
    spec: ModelSpec


@dataclass(frozen=True, slots=True)
class StartUnload:
    """Take a model out of memory (or `park` it); answer with `UnloadDone` of this epoch."""

    place: Place
    epoch: int
    park: bool = False


@dataclass(frozen=True, slots=True)
class AbortLoad:
    """Give up the load under way, unload what there is of it, and answer like `StartUnload`."""

    place: Place
    epoch: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask a server what it has and answer with `Snapshot` of this version."""

    server: str
    version: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The caller may use the model until it leaves."""

    ticket: int
    place: Place
    spec: ModelSpec
    load_seconds: float
    """How long the load took that the caller waited for; 0 when the model was there."""


@dataclass(frozen=True, slots=True)
class Reject:
    """The caller will not get the model."""

    ticket: int
    model: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Tell:
    """News for a caller who still waits."""

    ticket: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Lost:
    """The model that this holder uses is gone from memory; its lease is over."""

    ticket: int
    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Solve:
    """Compute the values of `problem`, starting from `warm`, and answer with `Solved`."""

    domain: str
    problem: Problem
    warm: Values | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operator asked for."""

    ticket: int
    value: Any


@dataclass(frozen=True, slots=True)
class Say:
    """A line for the log: an event's name, the documents' wording, and facts."""

    event: str
    message: str
    grave: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


Effect = (
    StartLoad | StartUnload | AbortLoad | Probe | Grant | Reject | Tell | Lost | Solve
    | Answer | Say
)  # fmt: skip
