"""The orchestrator's books, and the questions that are asked of them. Nothing here changes them."""

from collections.abc import Mapping, Sequence

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.estimates import Estimates
from brain.vram.events import Failure
from brain.vram.eviction import Candidate
from brain.vram.residents import Place, Resident, ServerFacts, Waiter


class Books:
    """Everything known, in one place; one task writes it."""

    def __init__(
        self, *, specs: Mapping[str, ModelSpec], servers: Sequence[ServerFacts], hard_gb: float
    ) -> None:
        self.roster = dict(specs)
        self.servers = {server.name: server for server in servers}
        self.hard_gb = hard_gb
        self.residents: dict[Place, Resident] = {}
        self.waiters: dict[int, Waiter] = {}
        """In order of arrival."""
        self.granted: dict[int, Place] = {}
        self.gone: dict[Place, int] = {}
        """The version at which a place was emptied; an older snapshot may still show it."""
        self.version = 0
        self.uses = 0
        self.estimates = Estimates()

    def spec(self, model: str) -> ModelSpec | None:
        """The roster's entry, else what a server that has the model says about it."""
        known = self.roster.get(model)
        if known is not None:
            return known
        for server in self.servers.values():
            if server.inventory is not None and model in server.inventory.installed:
                return server.inventory.installed[model]
        return None

    def available(self) -> frozenset[str]:
        """The models some server has, as last seen."""
        seen = [server.inventory.installed for server in self.servers.values() if server.inventory]
        return frozenset(model for installed in seen for model in installed)

    def place_for(self, model: str) -> Place | Failure:
        """Where the model is to be used; a server that answers before one that does not."""
        having = [
            server
            for server in self.servers.values()
            if server.inventory is not None and model in server.inventory.installed
        ]
        if having:
            return Place(max(having, key=lambda server: server.healthy).name, model)
        return self._guess(model)

    def _guess(self, model: str) -> Place | Failure:
        """No server is known to have it. One that never answered may still."""
        listed = self.roster.get(model)
        kind = None if listed is None else "ollama" if listed.backend == "ollama" else "openai"
        for server in self.servers.values():
            if server.inventory is not None or kind not in (None, server.kind):
                continue
            if kind is not None and server.loads:
                return Place(server.name, model)  # its load will tell
            return Failure("unreachable", server.problem or "it was not reached yet", server.name)
        return Failure("missing", "no server has it")

    def charged_gb(self, *, without: Place | None = None) -> float:
        """Memory that is or may be taken by models we load and unload."""
        return sum(
            resident.charged_gb for place, resident in self.residents.items() if place != without
        )

    def leaving_gb(self) -> float:
        """The part of it that is about to come back."""
        leaving = (one for one in self.residents.values() if one.state == "unloading")
        return sum(one.charged_gb for one in leaving)

    def ceiling_gb(self, place: Place) -> float:
        """The most a model can ever get: the hard limit less what never leaves."""
        pinned = (
            resident.charged_gb
            for other, resident in self.residents.items()
            if other != place and resident.spec.priority is Priority.CRITICAL
        )
        return self.hard_gb - sum(pinned)

    def candidates(self, *, wanted: Place) -> list[Candidate]:
        """The models that could make room for `wanted`."""
        return [
            Candidate(
                place=place,
                charged_gb=one.charged_gb,
                priority=one.spec.priority,
                used_order=one.used_order,
                leased=bool(one.leases),
            )
            for place, one in self.residents.items()
            if place != wanted
            and self.servers[place.server].loads
            and (one.state == "ready" or (one.state == "uncertain" and not one.stuck))
        ]

    def load_eta_seconds(self, place: Place, *, at: float) -> float:
        """How long the load under way at `place` will still take, going by earlier ones."""
        resident = self.residents[place]
        whole = self.estimates.load_seconds(place, resident.spec)
        return round(max(0.0, whole - max(0.0, at - resident.loading_since)), 1)

    def in_transit(self) -> Place | None:
        """A model that is being loaded or unloaded: news about it will come."""
        for place, resident in self.residents.items():
            if resident.state in ("loading", "unloading"):
                return place
        return None

    def loading(self) -> Place | None:
        """The model that is being loaded; there is one at a time, as they share disk and memory."""
        for place, resident in self.residents.items():
            if resident.state == "loading":
                return place
        return None
