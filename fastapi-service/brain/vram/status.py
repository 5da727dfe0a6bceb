"""The orchestrator as seen from outside: a frozen copy, never something to decide by."""

from dataclasses import dataclass

from brain.catalogue.models import BackendKind, Priority
from brain.vram.books import Books
from brain.vram.breaker import BreakerStatus
from brain.vram.decisions import Decision
from brain.vram.errors import ServerKind
from brain.vram.memory.sample import MemorySample
from brain.vram.pressure import Level
from brain.vram.residents import Place, Resident


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that takes memory. Moments are seconds since 1970."""

    name: str
    server: str
    backend: BackendKind
    state: str
    size_gb: float
    measured: bool
    """`size_gb` is the server's own figure, not the roster's."""
    priority: Priority
    leases: int
    loaded_at: float | None
    last_used: float | None
    use_count: int
    estimate_gb: float
    """What its load reserved; 0 when it was found in memory."""
    peak_gb: float
    context_tokens: int


@dataclass(frozen=True, slots=True)
class LoadingModel:
    """A model on its way into memory."""

    name: str
    server: str
    since: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A caller without a lease, in order of arrival."""

    model: str
    since: float
    overtaken: int
    detail: str
    """What it waits for."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A model server."""

    name: str
    kind: ServerKind
    url: str
    up: bool
    problem: str
    rehearsal: bool
    models: tuple[str, ...]
    domain: str
    draining: bool
    silent: int
    """Looks in a row that it did not answer; from 3 on nothing on it is touched."""


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """One memory that models share, GB of 10^9 bytes."""

    name: str
    """`machine`, or that of its server."""

    used_gb: float
    """By what the limits are about: a server of fixed models takes its own beside them."""

    soft_gb: float
    hard_gb: float


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at one moment."""

    soft_gb: float
    hard_gb: float
    used_gb: float
    """
    What models take or may take, everywhere: measured where a server tells, else the roster's
    figure.
    """

    memories: tuple[MemoryStatus, ...]
    loaded: tuple[LoadedModel, ...]
    loading: tuple[LoadingModel, ...]
    waiting: tuple[WaitingCaller, ...]
    servers: tuple[ServerStatus, ...]
    enabled: bool
    memory: MemorySample | None
    """The newest reading of the machine's memory."""

    reserve_gb: float
    external_gb: float | None
    """What other programs take, smoothed."""

    level: Level
    level_since: float
    level_reason: str
    breaker: tuple[BreakerStatus, ...]
    decisions: tuple[Decision, ...]
    """The newest first, 100 at most."""

    problems: tuple[str, ...] = ()
    """What an operator wrote about servers that is not in use, and why; a sentence each."""


def status_of(books: Books, *, at: float, problems: tuple[str, ...] = ()) -> Status:
    """What the books say at `at`."""
    residents = sorted(books.residents.items())
    machine = books.machine
    return Status(
        soft_gb=min(books.options.soft_gb, books.options.hard_gb),
        hard_gb=books.options.hard_gb,
        used_gb=books.charged_gb(),
        memories=tuple(
            MemoryStatus(one.name, books.charged_gb(one), one.soft_gb, one.hard_gb)
            for one in books.domains.values()
        ),
        loaded=tuple(_loaded(place, one) for place, one in residents if one.state != "loading"),
        loading=tuple(
            LoadingModel(
                place.model,
                place.server,
                one.loading_since,
                books.load_eta_seconds(place, at=at),
            )
            for place, one in residents
            if one.state == "loading"
        ),
        waiting=tuple(
            WaitingCaller(one.model, one.since, one.overtaken, one.told[-1] if one.told else "")
            for one in books.in_order()
        ),
        servers=tuple(
            ServerStatus(
                name=one.name,
                kind=one.kind,
                url=one.url,
                up=one.healthy,
                problem=one.problem,
                rehearsal=one.inventory is not None and one.inventory.rehearsal,
                models=() if one.inventory is None else tuple(sorted(one.inventory.installed)),
                domain=one.domain,
                draining=one.draining,
                silent=one.silent,
            )
            for one in books.servers.values()
        ),
        enabled=books.options.orchestrator_enabled,
        memory=machine.sample,
        reserve_gb=machine.reserve_gb,
        external_gb=machine.external_gb,
        level=machine.pressure.level,
        level_since=machine.pressure.since,
        level_reason=machine.pressure.reason,
        breaker=books.breaker.report(at),
        decisions=tuple(books.decisions),
        problems=problems,
    )


def _loaded(place: Place, one: Resident) -> LoadedModel:
    return LoadedModel(
        name=place.model,
        server=place.server,
        backend=one.spec.backend,
        state=one.state,
        size_gb=one.charged_gb or (0.0 if one.state == "parked" else one.spec.size_gb),
        measured=one.measured,
        priority=one.spec.priority,
        leases=len(one.leases),
        loaded_at=one.loaded_at,
        last_used=one.last_used,
        use_count=one.use_count,
        estimate_gb=one.estimate_gb,
        peak_gb=one.peak_gb,
        context_tokens=one.spec.context_tokens,
    )
