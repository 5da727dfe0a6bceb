"""The orchestrator's books, and the questions that are asked of them. Nothing here changes them."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.breaker import Breaker, BreakerSettings
from brain.vram.decisions import KEPT, Decision
from brain.vram.domains import Domain
from brain.vram.estimates import Estimates
from brain.vram.events import Failure
from brain.vram.machine import Machine
from brain.vram.options import VramOptions
from brain.vram.policies.demand import Demand
from brain.vram.residents import MACHINE, Place, Resident, ServerFacts, Waiter

FROZEN_AFTER = 3
"""Looks in a row without an answer after which nothing on a server is touched any more."""

MOVABLE = frozenset({"ready", "draining", "adopted", "failed", "parked"})
"""The states from which a model can be sent out of memory."""


class Books:
    """Everything known, in one place; one task writes it."""

    def __init__(
        self,
        *,
        specs: Mapping[str, ModelSpec],
        servers: Sequence[ServerFacts],
        options: VramOptions,
        load_timeout_seconds: float,
    ) -> None:
        self.roster = dict(specs)
        self.options = options
        self.servers: dict[str, ServerFacts] = {}
        self.domains: dict[str, Domain] = {}
        self.residents: dict[Place, Resident] = {}
        self.waiters: dict[int, Waiter] = {}
        self.waiting_for: Counter[str] = Counter()
        """Waiters by model."""

        self.granted: dict[int, Place] = {}
        self.gone: dict[Place, int] = {}
        """The version at which a place was emptied; an older snapshot may still show it."""

        self.version = 0
        self.uses = 0
        self.estimates = Estimates()
        self.demand = Demand()
        self.machine = Machine(options)
        self.breaker = Breaker(
            BreakerSettings(
                enabled=options.breaker_enabled,
                crash_threshold=options.crash_threshold,
                crash_window_seconds=options.crash_window_seconds,
                probe_seconds=load_timeout_seconds,
            )
        )
        self.decisions: deque[Decision] = deque(maxlen=KEPT)
        """The newest first."""

        for server in servers:
            self.add_server(server)

    def add_server(self, server: ServerFacts) -> None:
        """A server we may use, and the memory it is in; or other limits for one that is ours."""
        known = self.servers.get(server.name)
        if known is not None and (known.kind, known.url) == (server.kind, server.url):
            known.domain, known.hard_gb = server.domain, server.hard_gb
            known.slots, known.parallel = server.slots, server.parallel
            known.disk_gb_per_second = server.disk_gb_per_second
            known.preferred, known.draining = server.preferred, False
        else:
            self.servers[server.name] = server
        own = server.domain != MACHINE and server.hard_gb is not None
        hard_gb = server.hard_gb if own and server.hard_gb is not None else self.options.hard_gb
        soft_gb = min(self.options.soft_gb, hard_gb)
        domain = self.domains.setdefault(server.domain, Domain(server.domain, hard_gb, soft_gb))
        if own:
            domain.hard_gb, domain.soft_gb = hard_gb, soft_gb

    # ------------------------------------------------------------ models and places

    def spec(self, model: str) -> ModelSpec | None:
        """The roster's entry, else what a server that has the model says about it."""
        known = self.roster.get(model)
        if known is not None:
            return known
        for server in self.servers.values():
            if server.inventory is not None and model in server.inventory.installed:
                return server.inventory.installed[model]
        return None

    def spec_at(self, place: Place) -> ModelSpec:
        """As `spec`, with a size of 0 for what nobody knows."""
        return self.spec(place.model) or ModelSpec(name=place.model, size_gb=0.0)

    def available(self) -> frozenset[str]:
        """The models some server has, as last seen."""
        seen = [server.inventory.installed for server in self.servers.values() if server.inventory]
        return frozenset(model for installed in seen for model in installed)

    def resident_models(self) -> frozenset[str]:
        """The models that answer at once; those of a server that always holds them, too."""
        there = [p.model for p, one in self.residents.items() if one.state in ("ready", "adopted")]
        for server in self.servers.values():
            if not server.loads and server.healthy and server.inventory is not None:
                there += server.inventory.installed.keys() - server.inventory.parked.keys()
        return frozenset(there)

    def having(self, model: str) -> list[ServerFacts]:
        """The servers that list the model, those that answer (and are to be used) first."""
        some = [
            server
            for server in self.servers.values()
            if server.inventory is not None and model in server.inventory.installed
        ]
        return sorted(some, key=lambda one: (one.draining, not one.healthy))

    def domain_at(self, place: Place) -> Domain:
        """The memory the place is in."""
        return self.domains[self.servers[place.server].domain]

    def is_ours(self, place: Place) -> bool:
        """Whether we decide if it is in memory; else it is a fixed cost, charged to nobody."""
        server = self.servers[place.server]
        return server.loads or server.sleeps

    def is_limited(self, place: Place) -> bool:
        """
        Whether it counts against the limit of its memory: what is loaded there does.

        A server of fixed models takes its own memory beside that limit, also one whose models can
        sleep. What those take is tested against what the machine has free, and nothing else.
        """
        return self.servers[place.server].loads

    def has_slot(self, place: Place, resident: Resident) -> bool:
        """Whether one more caller may use it at once."""
        server = self.servers[place.server]
        if server.draining:
            return False
        if server.parallel is not None and len(resident.leases) >= server.parallel:
            return False
        return server.slots is None or server.leases < server.slots

    def in_order(self) -> list[Waiter]:
        """Who waits, the oldest work first."""
        return sorted(self.waiters.values(), key=lambda waiter: waiter.rank)

    # ------------------------------------------------------------ memory

    def inside(self, domain: Domain) -> Iterator[tuple[Place, Resident]]:
        """What is in that memory."""
        for place, resident in self.residents.items():
            if self.servers[place.server].domain == domain.name:
                yield place, resident

    def charged_gb(self, domain: Domain | None = None, *, without: Place | None = None) -> float:
        """Memory that is or may be taken by models; of one memory, by those its limit is about."""
        if domain is None:
            return sum(one.charged_gb for one in self.residents.values())
        return sum(
            one.charged_gb
            for place, one in self.inside(domain)
            if place != without and self.is_limited(place)
        )

    def ceiling_gb(self, place: Place) -> float:
        """The most a model can ever get: the hard limit less what never leaves, if it has one."""
        if not self.is_limited(place):
            return inf
        domain = self.domain_at(place)
        pinned = (
            resident.charged_gb
            for other, resident in self.inside(domain)
            if other != place
            and resident.spec.priority is Priority.CRITICAL
            and self.is_limited(other)
        )
        return domain.hard_gb - sum(pinned)

    def need_gb(self, place: Place) -> float:
        """Memory that a load at `place` reserves."""
        spec, server = self.spec_at(place), self.servers[place.server]
        if not server.loads and server.hard_gb is not None:
            return server.hard_gb
        return self.estimates.need_gb(place, spec, ceiling_gb=self.ceiling_gb(place))

    def takes_memory(self, place: Place) -> bool:
        """Whether it takes memory of this machine: scripted models do not, unless told to."""
        server = self.servers[place.server]
        scripted = server.inventory is not None and server.inventory.rehearsal
        real = not scripted or self.options.rehearsal_takes_memory
        return real and self.domain_at(place).is_machine and self.is_ours(place)

    def is_movable(self, place: Place) -> bool:
        """Whether it could be sent out of memory, in use or not."""
        resident, server = self.residents[place], self.servers[place.server]
        return (
            resident.state in MOVABLE
            and resident.spec.priority < Priority.CRITICAL
            and self.is_ours(place)
            and server.silent < FROZEN_AFTER
            and (resident.state != "parked" or server.loads)
        )

    def is_idle(self, place: Place) -> bool:
        """Whether nobody uses it, waits for it or is about to."""
        resident = self.residents[place]
        return not resident.leases and not self.waiting_for[place.model]

    def load_seconds(self, place: Place) -> float:
        """How long it takes to bring the model into memory."""
        spec = self.spec_at(place)
        resident = self.residents.get(place)
        if resident is not None and resident.state == "parked":
            return self.estimates.wake_seconds(place, spec)
        speed = self.servers[place.server].disk_gb_per_second
        return self.estimates.load_seconds(place, spec, gb_per_second=speed)

    def load_eta_seconds(self, place: Place, *, at: float) -> float:
        """How long the load under way at `place` will still take, going by earlier ones."""
        resident = self.residents[place]
        return round(max(0.0, self.load_seconds(place) - max(0.0, at - resident.loading_since)), 1)

    def loading(self, domain: Domain) -> Place | None:
        """The model being loaded; one at a time, as they share disk and memory."""
        for place, resident in self.inside(domain):
            if resident.state == "loading":
                return place
        return None

    def leaving(self, domain: Domain) -> list[tuple[Place, float]]:
        """The models on their way out, and what they still take."""
        return [
            (place, one.charged_gb)
            for place, one in self.inside(domain)
            if one.state == "unloading"
        ]

    def unloading(self, domain: Domain) -> Place | None:
        """A model that is on its way out."""
        for place, resident in self.inside(domain):
            if resident.state == "unloading":
                return place
        return None

    def why_nowhere(self, model: str) -> Failure:
        """Why no place can be named for a model that no server is known to have."""
        listed = self.roster.get(model)
        kind = None if listed is None else "ollama" if listed.backend == "ollama" else "openai"
        for server in self.servers.values():
            if server.inventory is None and kind in (None, server.kind):
                return Failure(
                    "unreachable", server.problem or "it was not reached yet", server.name
                )
        return Failure("missing", "no server has it")
