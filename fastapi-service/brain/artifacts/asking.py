"""Asks a model whether a file is wanted, where words alone do not tell; never waits long for it."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

import anyio
import structlog
from pydantic import BaseModel, ConfigDict

from brain.artifacts.detect import Earlier
from brain.llm.speaker import Speaker
from brain.vram.orchestrator import Progress
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)
MAX_CHARS = 2_000
MAX_NAMES = 5


class Wanted(BaseModel):
    """What the model must answer."""

    model_config = ConfigDict(extra="ignore")

    file: Literal["no", "yes"]


class FileQuestion:
    """The question to a small model, behind a deadline. No answer means no file."""

    def __init__(self, speaker: Speaker, *, model: str, deadline_seconds: float) -> None:
        self._speaker = speaker
        self._model = model
        self._deadline_seconds = deadline_seconds

    async def is_wanted(
        self, text: str, earlier: Sequence[Earlier] = (), *, tell: Callable[[Progress], None]
    ) -> bool:
        """Whether `text` asks for a file, or for a change of one of `earlier`."""
        try:
            with anyio.fail_after(self._deadline_seconds):
                answer = await self._speaker.decide(
                    self._model, _instructions(earlier), _shortened(text), Wanted, tell=tell
                )
        except TimeoutError:
            log.info("artifact.undecided", model=self._model, cause="late")
            return False
        except BoundaryError as failure:
            log.info("artifact.undecided", model=self._model, cause=failure.code)
            return False
        return answer.file == "yes"


@cache
def _prompt() -> str:
    return (files("brain.artifacts") / "wanted.md").read_text("utf-8").strip()


def _instructions(earlier: Sequence[Earlier]) -> str:
    if not earlier:
        return _prompt()
    names = ", ".join(one.filename for one in earlier[-MAX_NAMES:])
    return f"{_prompt()}\n\nFiles made before in this conversation: {names}"


def _shortened(text: str) -> str:
    half = MAX_CHARS // 2
    return text if len(text) <= MAX_CHARS else f"{text[:half]}\n[…]\n{text[-half:]}"
