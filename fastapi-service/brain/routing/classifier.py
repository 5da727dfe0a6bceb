"""Asks the router model for the route, and never waits for it longer than it may."""

from collections.abc import Callable

import anyio
import structlog
from pydantic import BaseModel, ConfigDict

from brain.llm.speaker import Speaker
from brain.routing.prompts import read
from brain.routing.routes import Previous, RouteName
from brain.vram.orchestrator import Progress
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)
MAX_QUESTION_CHARS = 4_000
"""A route shows in the beginning and the end of a question; the middle is left out."""


class Sorted(BaseModel):
    """What the router model must answer."""

    model_config = ConfigDict(extra="ignore")

    route: RouteName


class Classifier:
    """The router model behind a deadline."""

    def __init__(self, speaker: Speaker, *, model: str, deadline_seconds: float) -> None:
        self._speaker = speaker
        self._model = model
        self._deadline_seconds = deadline_seconds

    async def route_of(
        self, question: str, *, previous: Previous | None = None, tell: Callable[[Progress], None]
    ) -> tuple[RouteName | None, str]:
        """The route, or None with the reason why there is none; `previous` was asked before."""
        try:
            with anyio.fail_after(self._deadline_seconds):
                answer = await self._speaker.decide(
                    self._model,
                    _instructions(previous),
                    _shortened(question, MAX_QUESTION_CHARS),
                    Sorted,
                    tell=tell,
                )
        except TimeoutError:
            return None, f"{self._model} did not choose within {self._deadline_seconds:g} s"
        except BoundaryError as failure:
            log.warning("route.undecided", model=self._model, code=failure.code)
            return None, _excuse(self._model, failure)
        return answer.route, f"route chosen by {self._model}"


def _excuse(model: str, failure: BoundaryError) -> str:
    match failure.code:
        case "vram.never_fits":
            return f"{model}, which chooses, does not fit into the memory for models"
        case "model.unavailable":
            return f"{model}, which chooses, is not installed"
        case _:
            return f"{model} could not choose ({failure.code})"


def _instructions(previous: Previous | None) -> str:
    if previous is None:
        return read("router")
    before = _shortened(previous.question, MAX_QUESTION_CHARS // 4)
    return f"{read('router')}\n\nBefore ({previous.route}): {before}"


def _shortened(question: str, chars: int) -> str:
    if len(question) <= chars:
        return question
    half = chars // 2
    return f"{question[:half]}\n[…]\n{question[-half:]}"
