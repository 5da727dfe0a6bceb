"""
Which route, and which model for it.

    an image → a model that sees
    the person's own choice
    the conversation so far (up quickly, down slowly)
    cheap signals
    the router model with a deadline
    the cheap default, from memory if possible

A route whose model is missing is answered by the best one there is (R7); a model the person named
is used or refused, never replaced, except by one that sees when there is an image.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping

import structlog

from brain.catalogue.models import ModelSpec
from brain.routing.classifier import Classifier
from brain.routing.residency import best_stand_in
from brain.routing.routes import DEFAULT_ROUTE, Cause, Choice, Previous, RouteName, parse_route
from brain.routing.signals import Reading, read
from brain.routing.stickiness import stays_by_router, stays_by_signals
from brain.vram.errors import ModelUnavailable
from brain.vram.orchestrator import Orchestrator, Progress
from shared.errors import BoundaryError
from shared.protocol import AskOptions

log = structlog.get_logger(__name__)
SEARCHING: frozenset[RouteName] = frozenset({"research", "reasoning"})
"""Routes whose model may search the web (R6)."""

LOOKS_LIKE: dict[RouteName, str] = {
    "math": "looks like maths",
    "simple_code": "looks like a small piece of code",
    "complex_code": "looks like a larger piece of software",
    "reasoning": "looks like something to weigh up",
    "research": "looks like something to look up",
    "general": "looks like an everyday question",
}


class Router:
    """Chooses for one question at a time; holds no state of its own."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        vram: Orchestrator,
        roles: Mapping[str, str],
        default_is_fixed: bool = False,
    ) -> None:
        """`default_is_fixed`: the operator chose the default model; none in memory replaces it."""
        self._default_is_fixed = default_is_fixed
        self._classifier = classifier
        self._vram = vram
        self._roles = roles

    async def choose(
        self,
        question: str,
        options: AskOptions,
        *,
        previous: Previous | None = None,
        has_images: bool = False,
        tell: Callable[[Progress], None],
        begin: Callable[[], Awaitable[None]],
    ) -> Choice:
        """
        The route and model for `question`, with the reason in words for people.

        `previous` is the conversation's last question. `begin` returns when a model may be asked;
        what needs none is chosen without it. Raises `ModelUnavailable` when the person named a
        model that is not there.
        """
        reading = read(question, previous.route if previous else None)
        choice = (
            self._seeing(options, previous, reading)
            if has_images
            else self._named(options)
            or self._searching(options, previous, reading)
            or self._by_signals(previous, reading)
            or await self._asked(question, previous, tell, begin)
        )
        log.info(
            "route.chosen",
            route=choice.route,
            model=choice.model,
            cause=choice.cause,
            signals=reading.signs if reading else (),
            confidence=reading.confidence if reading else None,
            before=previous.route if previous else None,
        )
        return choice

    def guess(
        self, question: str, options: AskOptions, *, previous: Previous | None = None
    ) -> str | None:
        """The model that `choose` would take without asking one; None when it would have to."""
        reading = read(question, previous.route if previous else None)
        try:
            choice = (
                self._named(options)
                or self._searching(options, previous, reading)
                or self._by_signals(previous, reading)
            )
        except ModelUnavailable:
            return None
        return None if choice is None else choice.model

    def for_summary(self) -> str:
        """The model that shortens conversations."""
        return self._model_for("summary")

    def present(self, model: str) -> str | None:
        """`model` by the name it is installed under; None when it cannot answer here."""
        name = self._installed(model)
        return name if name is not None and self._can_answer(name) else None

    def sees(self) -> bool:
        """Whether there is a model for pictures."""
        return self.present(self._roles["vision"]) is not None or any(
            spec.vision for spec in self._usable()
        )

    def why_blind(self) -> str:
        """Why no model sees here, with what can be done; for when `sees` is false."""
        seeing = [
            spec
            for spec in (self._vram.spec(name) for name in self._vram.available())
            if spec.vision
        ]
        if not seeing:
            return (
                "no model that can see is installed. The operator can add one, for example with: "
                "ollama pull ministral-3:14b"
            )
        wanted = self._wanted("vision")
        one = min(seeing, key=lambda spec: (spec.name != wanted, spec.size_gb))
        if self._vram.could_fit(one):
            return f"{one.name}, which can see, rests after crashes; please try again later"
        return (
            f"{one.name}, which can see, needs {one.size_gb:.1f} GB of memory, more than models "
            "may take here. The operator can raise VRAM_HARD_LIMIT_GB"
        )

    def resident(self) -> frozenset[str]:
        """The models that answer at once: in memory, and not on their way out."""
        return self._vram.resident()

    # ---- the steps, in their order

    def _seeing(
        self, options: AskOptions, previous: Previous | None, reading: Reading | None
    ) -> Choice:
        route = parse_route(options.route or "") or (reading.route if reading else None)
        route = route or (previous.route if previous else DEFAULT_ROUTE)
        wanted = self._pinned(options.model) if options.model else self._roles["vision"]
        if not self._can_answer(wanted) or not self._vram.spec(wanted).vision:
            found = best_stand_in(self._usable(), resident=self.resident(), vision=True)
            if found is not None:
                why = f"there is an image, and {wanted} cannot see it here"
                return Choice(route, found.name, why, "image")
        return Choice(route, wanted, "there is an image", "image")

    def _named(self, options: AskOptions) -> Choice | None:
        route = parse_route(options.route or "")
        if options.model:
            why = f"you chose {options.model}"
            return Choice(route or DEFAULT_ROUTE, self._pinned(options.model), why, "person")
        if route is not None:
            return self._with_model(route, f"you chose the route {route}", "person")
        return None

    def _searching(
        self, options: AskOptions, previous: Previous | None, reading: Reading | None
    ) -> Choice | None:
        if not options.web_search:
            return None
        route = reading.route if reading else previous.route if previous else None
        if route in SEARCHING:
            return None
        return self._with_model("research", "you asked for a web search", "person")

    def _by_signals(self, previous: Previous | None, reading: Reading | None) -> Choice | None:
        if reading is None:
            return None
        if previous is not None and stays_by_signals(previous.route, reading):
            return self._staying(previous, "follow_up" if reading.follow_up else "stickiness")
        return self._with_model(reading.route, LOOKS_LIKE[reading.route], "signals")

    async def _asked(
        self,
        question: str,
        previous: Previous | None,
        tell: Callable[[Progress], None],
        begin: Callable[[], Awaitable[None]],
    ) -> Choice:
        await begin()
        decided, why = await self._classifier.route_of(question, previous=previous, tell=tell)
        if decided is None:
            return self._by_default(previous, why)
        if previous is not None and stays_by_router(previous.route, decided, question):
            return self._staying(previous, "stickiness")
        return self._with_model(decided, why, "router")

    def _by_default(self, previous: Previous | None, why: str) -> Choice:
        if previous is not None:
            return self._staying(
                previous, "default", why=f"{why}, so the conversation stays where it was"
            )
        wanted = self._model_for(DEFAULT_ROUTE)
        resident = self.resident()
        if wanted not in resident and not self._default_is_fixed:
            rivals = [one for one in self._usable() if one.name in resident or one.name == wanted]
            found = best_stand_in(rivals, resident=resident)
            wanted = found.name if found is not None else wanted
        return Choice(DEFAULT_ROUTE, wanted, f"{why}, so the default route answers", "default")

    # ---- models

    def _staying(
        self, previous: Previous, cause: Cause, *, why: str = "follows the question before"
    ) -> Choice:
        if self._can_answer(previous.model):
            return Choice(previous.route, previous.model, why, cause)
        return self._with_model(previous.route, why, cause)

    def _with_model(self, route: RouteName, why: str, cause: Cause) -> Choice:
        wanted = self._wanted(route)
        model = self._model_for(route)
        if model != wanted:
            reason = self._why_not(wanted)
            why = f"{why}; {wanted} {reason}, {model} is there"
        return Choice(route, model, why, cause)

    def _model_for(self, role: str) -> str:
        wanted = self._wanted(role)
        if self._can_answer(wanted):
            return wanted
        found = best_stand_in(self._usable(), resident=self.resident(), tools=role in SEARCHING)
        return wanted if found is None else found.name

    def _why_not(self, model: str) -> str:
        if self._vram.lacks(model):
            return "is not installed"
        return "does not fit" if self._vram.rests(model) is None else "rests after crashes"

    def _wanted(self, role: str) -> str:
        """The model of a role, by the name it is installed under if it is."""
        return self._installed(self._roles[role]) or self._roles[role]

    def _pinned(self, name: str) -> str:
        found = self._installed(name)
        if found is None:
            raise ModelUnavailable(name)
        return found

    def _installed(self, name: str) -> str | None:
        """As Ollama reads a name: without a tag it means `latest`."""
        names = (name, f"{name}:latest")
        return next((one for one in names if not self._vram.lacks(one)), None)

    def _can_answer(self, model: str) -> bool:
        if self._vram.lacks(model) or self._vram.rests(model) is not None:
            return False
        try:
            return self._vram.could_fit(self._vram.spec(model))
        except BoundaryError:
            return True  # its server was not reached yet; whoever leases it is told so

    def _usable(self) -> Iterator[ModelSpec]:
        specs = (self._vram.spec(name) for name in self._vram.available())
        return (
            spec
            for spec in specs
            if self._vram.could_fit(spec) and self._vram.rests(spec.name) is None
        )
