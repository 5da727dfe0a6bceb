"""
The facts the orchestrator keeps: what is in memory where, and who waits for what.

            Acquire                    LoadDone
  absent ───────────▶ loading ─────────────────────▶ ready ◀─▶ leases
    ▲                    │ failed: absent, or          │ victim, no lease
    │ UnloadDone         ▼ nobody knows                ▼
    └─────────────── uncertain ◀─── no answer ──── unloading
                         ▲
  found by a snapshot, not loaded by us: uncertain too

An `uncertain` model is charged, as it may be in memory; a load call claims it (at no cost when it
is there, with the right options when it was there with others), a snapshot may prove it gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from brain.catalogue.models import ModelSpec
from brain.vram.errors import ServerKind

State = Literal["loading", "ready", "unloading", "uncertain"]


class Place(NamedTuple):
    """A model on a server."""

    server: str
    model: str


@dataclass(slots=True)
class Resident:
    """A model that takes memory, or is about to."""

    spec: ModelSpec
    state: State
    charged_gb: float
    epoch: int
    """The version of the books at its last change of state; older news about it are ignored."""

    measured: bool = False
    leases: set[int] = field(default_factory=set)
    used_order: int = 0
    """Rises with every use over all models; the lowest is the least recently used."""

    use_count: int = 0
    loading_since: float = 0.0
    loaded_at: float | None = None
    last_used: float | None = None
    missing: int = 0
    """Snapshots in a row that did not show it."""

    claimed: bool = False
    """It was in memory already when its load began, so that load says nothing about loads."""

    stuck: bool = False
    """An unload of it failed; only a snapshot makes it a victim again."""


@dataclass(slots=True)
class Waiter:
    """One caller of `lease` who has no lease yet."""

    ticket: int
    model: str
    since: float
    overtaken: int = 0
    """How many later callers got a lease on memory this one waits for."""

    load_seconds: float = 0.0
    """How long the load took that this caller waited for."""

    told: tuple[str, ...] = ()
    """The news the caller already has."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a server said about itself at one moment."""

    installed: Mapping[str, ModelSpec]
    """Every model it has, described as well as it can; the roster's own entry wins."""

    loaded: Mapping[str, float]
    """Memory of each loaded model in GB; empty for a server whose models are always loaded."""

    rehearsal: bool = False
    """The server is a stand-in with scripted answers."""


@dataclass(slots=True)
class ServerFacts:
    """A model server as last seen."""

    name: str
    kind: ServerKind
    url: str
    loads: bool
    """Whether models are brought into its memory and taken out by us."""

    inventory: Inventory | None = None
    healthy: bool = True
    problem: str = ""
