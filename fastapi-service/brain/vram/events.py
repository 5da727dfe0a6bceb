"""What the core is told, and what it wants done about it."""

from dataclasses import dataclass
from typing import Literal

from brain.catalogue.models import ModelSpec
from brain.vram.residents import Inventory, Place

Cause = Literal["missing", "unreachable", "failed", "never_fits"]


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


# ------------------------------------------------------------------ events


@dataclass(frozen=True, slots=True)
class Acquire:
    """Somebody wants to use `model`; `at` is seconds since 1970, as everywhere here."""

    ticket: int
    model: str
    at: float


@dataclass(frozen=True, slots=True)
class Leave:
    """The holder or waiter of `ticket` is done with it. Twice is once, unknown is nothing."""

    ticket: int
    at: float


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
    """An unload ended; without `failure` the server confirmed that the model is gone."""

    place: Place
    epoch: int
    at: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody wants to know what `server` has."""

    server: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A server answered, or did not (`problem`), to a question asked at `version`."""

    server: str
    version: int
    at: float
    inventory: Inventory | None
    problem: str = ""


Event = Acquire | Leave | LoadDone | UnloadDone | Look | Snapshot


# ------------------------------------------------------------------ effects


@dataclass(frozen=True, slots=True)
class StartLoad:
    """Bring a model into memory and answer with `LoadDone` of this epoch."""

    place: Place
    epoch: int
    spec: ModelSpec


@dataclass(frozen=True, slots=True)
class StartUnload:
    """Take a model out of memory and answer with `UnloadDone` of this epoch."""

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


Effect = StartLoad | StartUnload | Probe | Grant | Reject | Tell
