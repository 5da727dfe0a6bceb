"""The orchestrator as seen from outside: a frozen copy, never something to decide by."""

from dataclasses import dataclass

from brain.catalogue.models import BackendKind, Priority
from brain.vram.books import Books
from brain.vram.errors import ServerKind
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


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at one moment."""

    soft_gb: float
    hard_gb: float
    used_gb: float
    """What models take or may take: measured where a server tells, else the roster's figure."""

    loaded: tuple[LoadedModel, ...]
    loading: tuple[LoadingModel, ...]
    waiting: tuple[WaitingCaller, ...]
    servers: tuple[ServerStatus, ...]


def status_of(books: Books, *, soft_gb: float, at: float) -> Status:
    """What the books say at `at`."""
    residents = sorted(books.residents.items())
    return Status(
        soft_gb=soft_gb,
        hard_gb=books.hard_gb,
        used_gb=books.charged_gb(),
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
            WaitingCaller(one.model, one.since, one.overtaken) for one in books.waiters.values()
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
            )
            for one in books.servers.values()
        ),
    )


def _loaded(place: Place, one: Resident) -> LoadedModel:
    return LoadedModel(
        name=place.model,
        server=place.server,
        backend=one.spec.backend,
        state=one.state,
        size_gb=one.charged_gb or one.spec.size_gb,
        measured=one.measured,
        priority=one.spec.priority,
        leases=len(one.leases),
        loaded_at=one.loaded_at,
        last_used=one.last_used,
        use_count=one.use_count,
    )
