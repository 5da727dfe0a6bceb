"""An answer that is being made, and what is said meanwhile about how far it is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from brain.artifacts.detect import Unsure, Wish
from brain.context.checkpoint import Checkpoint
from brain.context.conversation import Conversation, Made
from brain.context.enclosed import Enclosed
from brain.jobs.job import Job
from brain.jobs.queue import Claim
from brain.jobs.slots import Slot
from brain.llm.messages import Finished, Image
from brain.llm.tools.toolbox import Toolbox
from brain.routing.routes import Choice
from brain.vram.orchestrator import Lease, Progress
from shared.protocol import SavedFile, Stage, Status, ToClient, Usage

Tell = Callable[[ToClient], None]
OTHERS_FIRST = "the model is ready; answers that were begun meanwhile come first"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """
    The tools of an answer, the layers of the system prompt that go with them, the tokens of the
    context that their results may need, and what was found before the model speaks.
    """

    toolbox: Toolbox
    tools: Sequence[Callable[..., Any]]
    layers: Sequence[str]
    reserved_tokens: int
    found: str = ""


@dataclass(slots=True)
class Draft:
    """An answer as far as it has come; a cancelled turn leaves what it had."""

    claim: Claim
    slot: Slot
    started_at: float
    conversation: Conversation | None = None
    choice: Choice | None = None
    lease: Lease | None = None
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    finished: Finished = field(default_factory=Finished)
    asked_tokens: int = 0
    heard: int = 0
    checkpoint: Checkpoint | None = None
    enclosed: Sequence[Enclosed] = ()
    """What came with the question, as text, and …"""
    pictures: Sequence[Image] = ()
    """… what of it must be seen."""
    wish: Wish | Unsure | None = None
    saved: list[SavedFile] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    """The files handed over, as clients are told of them and as the conversation keeps them."""
    remarks: list[str] = field(default_factory=list)
    """What the person must know about files; stands under the answer, and so does …"""
    cut: Sequence[str] = ()
    """… what of them the model was not shown."""
    routed_at: float | None = None
    first_token_at: float | None = None
    looked_up: LookedUp | None = None
    paused: bool = False
    """A tool was used since the last words."""

    @property
    def job(self) -> Job:
        return self.claim.job

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def joined(self, text: str) -> str:
        """The next piece, in a paragraph of its own when a tool was used before it."""
        apart = self.paused and self.pieces
        self.paused = False
        return f"\n\n{text}" if apart else text

    def note(self, remarks: Iterable[str]) -> None:
        """The person must know this, too; said once."""
        self.remarks += [remark for remark in remarks if remark not in self.remarks]

    def usage(self) -> Usage:
        """
        What the model has read and said so far, also when it was broken off.

        The server's own counts where it has given them, else the estimate and the pieces.
        """
        return Usage(
            input_tokens=self.finished.input_tokens + self.asked_tokens,
            output_tokens=self.finished.output_tokens + self.heard,
        )

    def begins(self, tokens: int) -> None:
        """A model is being asked about `tokens` tokens."""
        self.asked_tokens, self.heard = tokens, 0

    def ends(self, finished: Finished) -> None:
        """The model has said all it will for now."""
        self.finished = Finished(
            self.finished.input_tokens + (finished.input_tokens or self.asked_tokens),
            self.finished.output_tokens + (finished.output_tokens or self.heard),
            finished.truncated,
        )
        self.asked_tokens = self.heard = 0


def tell_status(
    tell: Tell, draft: Draft, stage: Stage, *, model: str | None = None, detail: str | None = None
) -> None:
    """Say where the answer of `draft` is."""
    tell(
        Status(
            ask_id=draft.job.ask_id,
            attempt=draft.claim.attempt,
            stage=stage,
            model=model,
            detail=detail,
        )
    )


async def your_turn(draft: Draft, tell: Tell) -> None:
    """Return when `draft` has the slot again that it lent while it waited for a model."""
    if draft.slot.must_wait:
        tell_status(tell, draft, "waiting", detail=OTHERS_FIRST)
    await draft.slot.regain()


def tell_progress(tell: Tell, draft: Draft, progress: Progress) -> None:
    """Say what the answer of `draft` waits for; others may use its slot until `your_turn`."""
    draft.slot.lend()
    tell(
        Status(
            ask_id=draft.job.ask_id,
            attempt=draft.claim.attempt,
            stage=progress.stage,
            model=progress.model,
            eta_seconds=progress.eta_seconds,
            detail=progress.detail,
        )
    )


def milliseconds(seconds: float) -> int:
    """Whole ones, never negative."""
    return max(0, round(seconds * 1000))
