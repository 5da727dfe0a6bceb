"""
The facts the orchestrator keeps: what is in memory where, and who waits for what.

  state      charged                  leases  leaves by
  (absent)   0                        wait    chosen by the order of work -> loading
  loading    estimate                 wait    LoadDone -> ready | failed; aborted -> unloading
  ready      measured peak            given   chosen -> unloading, or while in use -> draining
  draining   as ready                 wait    last lease back -> unloading; called off -> ready
  unloading  as before                wait    UnloadDone -> absent | parked | stuck
  stuck      as before                wait    a snapshot -> absent | adopted; asked for -> loading
  failed     as loading               wait    a snapshot -> absent | adopted; asked for -> loading
  parked     what stays of it         wait    asked for -> loading (a wake); chosen -> unloading
  adopted    what the server says     wait    asked for -> loading (a claim); chosen -> unloading

`adopted` was found by a snapshot, not loaded by us; a load call claims it, at no cost when it is
there with the right options. A crash (a snapshot without it, twice or with evidence) makes every
state absent, and whoever held a lease has lost it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

from brain.catalogue.models import ModelSpec
from brain.vram.errors import ServerKind

State = Literal["loading", "ready", "draining", "unloading", "stuck", "failed", "parked", "adopted"]
Drain = Literal["", "swap", "admin", "pressure"]
"""What a draining model makes room for."""

MACHINE = "machine"
"""The memory this process runs in; servers elsewhere have a memory each."""


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

    estimate_gb: float = 0.0
    """What its load reserved."""

    measured: bool = False
    peak_gb: float = 0.0
    peak_at: float = 0.0
    """The highest measured size, slowly forgotten, and when it was last brought up to date."""

    leases: set[int] = field(default_factory=set)
    used_order: int = 0
    """Rises with every use over all models; the lowest is the least recently used."""

    use_count: int = 0
    loading_since: float = 0.0
    free_before_gb: float | None = None
    """What the machine had free when its load began."""

    loaded_at: float | None = None
    last_used: float | None = None
    missing: int = 0
    """Snapshots in a row that did not show it."""

    suspect: bool = False
    """A caller lost its connection while it answered: the next snapshot without it is proof."""

    claimed: bool = False
    """It was in memory already when its load began, so that load says nothing about loads."""

    woken: bool = False
    """It slept when its load began."""

    speculative: bool = False
    """Its load was begun for nobody who waits; whoever needs the room may abort it."""

    drain: Drain = ""
    kept: bool = False
    """An operator brought it in, so it does not leave for not being used."""

    leaves_after: frozenset[int] = frozenset()
    """An operator wants it gone once these callers, who waited for it then, are done."""


@dataclass(slots=True)
class Waiter:
    """One caller of `lease` who has no lease yet."""

    ticket: int
    model: str
    since: float
    arrived: float
    """When the work it belongs to arrived, by which callers are ordered."""

    patient: bool = True
    """Waits also for a model that crashed and rests."""

    speculative: bool = False
    overtaken: int = 0
    """How many later callers got a lease on memory this one waits for."""

    load_seconds: float = 0.0
    """How long the load took that this caller waited for."""

    told: tuple[str, ...] = ()
    """The news the caller already has."""

    @property
    def rank(self) -> tuple[float, int]:
        """Lower comes first."""
        return (self.arrived, self.ticket)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a server said about itself at one moment."""

    installed: Mapping[str, ModelSpec]
    """Every model it has, described as well as it can; the roster's own entry wins."""

    loaded: Mapping[str, float]
    """Memory of each loaded model in GB; empty for a server whose models are always loaded."""

    rehearsal: bool = False
    """The server is a stand-in with scripted answers."""

    parked: Mapping[str, float] = field(default_factory=dict)
    """Memory in GB that each sleeping model still takes."""

    sleeps: bool | None = None
    """Whether its models can be put to sleep; None: it does not say, and nothing changed."""


@dataclass(slots=True)
class ServerFacts:
    """A model server as last seen, and what it was given."""

    name: str
    kind: ServerKind
    url: str
    loads: bool
    """Whether models are brought into its memory and taken out by us."""

    sleeps: bool = False
    """Whether its models can be parked and woken."""

    domain: str = MACHINE
    """The memory it shares with others of that domain."""

    hard_gb: float | None = None
    """
    The limit of its memory, where that is not this machine's; None: the usual one. Of a server with
    fixed models, what it takes awake.
    """

    slots: int | None = None
    """Leases at once on all its models together, and on each of them (`parallel`)."""

    parallel: int | None = None
    disk_gb_per_second: float = 2.0
    """How fast it reads models, until a load was measured; between a SATA and an NVMe disk."""

    preferred: frozenset[str] | None = None
    """The models that should rather go here than elsewhere; None: all."""

    draining: bool = False
    """It is to be left alone: no new work, idle models leave."""

    inventory: Inventory | None = None
    healthy: bool = True
    problem: str = ""
    silent: int = 0
    """Looks in a row that it did not answer."""

    struck_version: int = -1
    """The books when it last did not answer, or did not show a model; and when that was."""

    struck_at: float = -inf
    since: int = 0
    """The version of the books when it joined; what was asked before was asked of another."""

    leases: int = 0
