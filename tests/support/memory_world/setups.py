"""Worlds to play in: which servers, which models, which options."""

from dataclasses import dataclass
from random import Random

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.errors import ServerKind
from brain.vram.options import VramOptions
from brain.vram.residents import MACHINE, ServerFacts

LOAD_TIMEOUT_SECONDS = 120.0
MACHINE_GB = 40.0
"""All the memory of the make-believe machine."""

ROSTER = {
    one.name: one
    for one in (
        ModelSpec(name="big", size_gb=13.0, priority=Priority.HIGH),
        ModelSpec(name="mid", size_gb=9.0),
        ModelSpec(name="small", size_gb=5.0),
        ModelSpec(name="tiny", size_gb=2.0, priority=Priority.LOW),
        ModelSpec(name="pinned", size_gb=0.5, priority=Priority.CRITICAL),
        ModelSpec(name="giant", size_gb=70.0),
        ModelSpec(name="nap", size_gb=4.0, backend="sglang"),
        ModelSpec(name="remote", size_gb=84.0, backend="sglang"),
    )
}
LOCAL = ("big", "mid", "small", "tiny", "pinned", "giant")


@dataclass(frozen=True, slots=True)
class ServerSetup:
    """One make-believe server; the fields are those of `ServerFacts`."""

    name: str
    models: tuple[str, ...] = LOCAL
    kind: ServerKind = "ollama"
    loads: bool = True
    sleeps: bool = False
    domain: str = MACHINE
    hard_gb: float | None = None
    slots: int | None = None
    parallel: int | None = None
    rehearsal: bool = False

    def facts(self) -> ServerFacts:
        """A fresh copy: the core writes into it."""
        return ServerFacts(
            self.name,
            self.kind,
            f"http://{self.name}",
            loads=self.loads,
            sleeps=self.sleeps,
            domain=self.domain,
            hard_gb=self.hard_gb,
            slots=self.slots,
            parallel=self.parallel,
        )


@dataclass(frozen=True, slots=True)
class Setup:
    """A world before anything happened in it."""

    servers: tuple[ServerSetup, ...]
    options: VramOptions
    is_honest: bool
    """
    Servers keep to the sizes of the roster, do what they report, and nobody else loads anything:
    then the books must be right about the memory that is really taken. Else they lie, lose, forget.
    """

    is_responsive: bool = False
    """Nothing fails at all; then nobody is refused what can be had."""

    is_crashy: bool = False
    """Half of the loads fail, and few models are asked for."""


ONE = (ServerSetup("one"),)
POOL = (
    ServerSetup("one"),
    ServerSetup("far", ("big", "mid", "small", "giant"), domain="far", hard_gb=20.0, slots=3),
)
ALL = (
    ServerSetup("one", parallel=3),
    ServerSetup("two", ("mid", "small", "tiny"), slots=4),
    ServerSetup("far", ("big", "mid", "small"), domain="far", hard_gb=14.0),
    ServerSetup("sleepy", ("nap",), "openai", loads=False, sleeps=True, parallel=2),
    ServerSetup("fixed", ("remote",), "openai", loads=False, domain="fixed"),
)
POLICIES = ("planner", "planner", "gdsf", "lru", "documents")


def setup_of(seed: int) -> Setup:
    """The world of a seed: every kind of server, policy and option comes up among a few dozen."""
    random = Random(seed)
    servers: tuple[ServerSetup, ...] = random.choice((ONE, ONE, POOL, ALL))
    if random.random() < 0.3:
        servers = tuple(
            ServerSetup(**{**{f: getattr(one, f) for f in one.__slots__}, "rehearsal": True})
            for one in servers
        )
    honest = random.random() < 0.5
    responsive = honest and random.random() < 0.4
    crashy = not responsive and random.random() < 0.3
    hard = random.choice((14.0, 14.0, 20.0, 26.0))
    options = VramOptions(
        soft_gb=hard - random.choice((0.0, 2.0, 6.0)),
        hard_gb=hard,
        breaker_enabled=crashy or random.random() < 0.7,
        breaker_buffer_gb=random.choice((20.0, 3.0)),
        conservative=random.random() < 0.1,
        policy=random.choice(POLICIES),  # type: ignore[arg-type]  # one of the names
        keep_alive_seconds=random.choice((None, None, 0.0, 30.0)),
        max_overtakes=random.choice((8, 2)),
        rehearsal_takes_memory=random.random() < 0.5,
    )
    return Setup(servers, options, honest, responsive, crashy)
