"""
Which route, and which model for it.

    the person's own choice → the router model with a deadline → the cheap default

A route whose model is not installed is answered by the best one that is (R7); a model the person
named is used or refused, never replaced.
"""

from collections.abc import Callable, Mapping

from brain.catalogue.models import ModelSpec
from brain.routing.classifier import Classifier
from brain.routing.routes import DEFAULT_ROUTE, Choice, RouteName, parse_route
from brain.vram.errors import ModelUnavailable
from brain.vram.orchestrator import Orchestrator, Progress
from shared.protocol import AskOptions


class Router:
    """Chooses for one question at a time; holds no state of its own."""

    def __init__(
        self, classifier: Classifier, *, vram: Orchestrator, roles: Mapping[str, str]
    ) -> None:
        self._classifier = classifier
        self._vram = vram
        self._roles = roles

    async def choose(
        self, question: str, options: AskOptions, *, tell: Callable[[Progress], None]
    ) -> Choice:
        """Raises `ModelUnavailable` when the person named a model that is not there."""
        if options.model:
            route = parse_route(options.route or "") or DEFAULT_ROUTE
            return Choice(route, self._pinned(options.model), f"you chose {options.model}")
        chosen = parse_route(options.route or "")
        if chosen is not None:
            return self._with_model(chosen, f"you chose the route {chosen}")
        decided, why = await self._classifier.route_of(question, tell=tell)
        if decided is not None:
            return self._with_model(decided, why)
        return self._with_model(DEFAULT_ROUTE, f"{why}, so the default route answers")

    def for_summary(self) -> str:
        """The model that shortens conversations."""
        return self._best_for(self._roles["summary"])

    def _pinned(self, name: str) -> str:
        for candidate in (name, f"{name}:latest"):
            if not self._vram.lacks(candidate):
                return candidate
        raise ModelUnavailable(name)

    def _with_model(self, route: RouteName, why: str) -> Choice:
        wanted = self._roles[route]
        model = self._best_for(wanted)
        if model != wanted:
            why = f"{why}; {wanted} is not installed, {model} is"
        return Choice(route, model, why)

    def _best_for(self, wanted: str) -> str:
        if not self._vram.lacks(wanted):
            return wanted
        others = (self._vram.spec(name) for name in self._vram.available())
        usable = (spec for spec in others if spec.kind == "chat" and self._vram.could_fit(spec))
        best = max(usable, key=_quality, default=None)
        return wanted if best is None else best.name


def _quality(spec: ModelSpec) -> tuple[float, str]:
    return (spec.size_gb, spec.name)
