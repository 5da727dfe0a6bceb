"""
Files that an answer hands over.

    before it speaks   the wish, from words alone; the model is told how to write files
    afterwards         unsure? the model is asked ─▶ files out of the answer ─▶ kept ─▶ `artifact`
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files as resources

import structlog

from brain.artifacts.asking import FileQuestion
from brain.artifacts.detect import UNSURE, Earlier, Unsure, Wish, wish_of, wish_when_asked
from brain.artifacts.extract import NewFile, files_in
from brain.artifacts.keeping import FileStore, Kept
from brain.artifacts.links import Links
from brain.chat.draft import Draft, Tell, tell_progress, tell_status
from brain.context.conversation import Conversation, Made
from brain.llm.speaker import Speaker
from shared.errors import BoundaryError
from shared.protocol import Artifact, SavedFile

log = structlog.get_logger(__name__)
ASK_SECONDS = 8.0
"""How long the model may think about whether a file is wanted, after its answer."""

SAVED = "✅ Artifact saved: "
_CLAIM = re.compile(rf"^[ \t>*_-]*{SAVED.strip()}.*(?:\n+|\Z)", re.M)


class Artifacts:
    """Serves one draft at a time; holds no state between turns."""

    def __init__(
        self, files: FileStore, links: Links, speaker: Speaker, *, ttl_seconds: float
    ) -> None:
        self._files = files
        self._links = links
        self._speaker = speaker
        self._ttl_seconds = ttl_seconds

    def wish(self, draft: Draft) -> None:
        """Note in `draft` whether its question asks for files, as far as words tell."""
        if draft.conversation is not None:
            draft.wish = wish_of(draft.job.text, earlier_in(draft.conversation))

    async def hand_over(self, draft: Draft, tell: Tell) -> None:
        """
        Keep the files of the finished answer and tell of each; never fails the answer.

        What is to be said about them goes into `draft.remarks`.
        """
        text = without_claims(draft.text)
        if text != draft.text:
            draft.pieces[:] = [text]
        wish = await self._settled(draft.wish, draft, tell)
        if wish is None:
            return
        for new in files_in(text, wish):
            await self._hand_over(new, draft, tell)
        if draft.made and wish.instead:
            suffix = draft.made[-1].filename.rpartition(".")[2]
            draft.remarks.append(
                f"{wish.instead.upper()} files cannot be written here; this is {suffix}"
            )
        if draft.made and draft.finished.truncated:
            draft.remarks.append("The answer broke off, so the file is not complete")

    async def _settled(self, wish: Wish | Unsure | None, draft: Draft, tell: Tell) -> Wish | None:
        """The wish, after the model that has just answered was asked where words did not tell."""
        if wish is not UNSURE:
            return wish
        assert draft.choice is not None
        assert draft.conversation is not None
        question = FileQuestion(
            self._speaker, model=draft.choice.model, deadline_seconds=ASK_SECONDS
        )
        earlier = earlier_in(draft.conversation)
        wanted = await question.is_wanted(
            draft.job.text, earlier, tell=lambda progress: tell_progress(tell, draft, progress)
        )
        return wish_when_asked(draft.job.text, earlier) if wanted else None

    async def _hand_over(self, new: NewFile, draft: Draft, tell: Tell) -> None:
        tell_status(tell, draft, "saving", detail=new.filename)
        job = draft.job
        try:
            kept = await self._files.put(
                job.user_id,
                new.filename,
                new.media_type,
                new.data,
                ttl_seconds=self._ttl_seconds,
                version=new.version,
            )
        except BoundaryError as failure:
            log.warning("artifact.not_kept", code=failure.code)
            draft.remarks.append(f"{new.filename} was not saved: {failure.message}")
            return
        saved = SavedFile(
            artifact_id=kept.file_id,
            filename=kept.filename,
            media_type=kept.media_type,
            size=kept.size,
            url=self._url(kept, job.surface),
        )
        draft.saved.append(saved)
        draft.made.append(
            Made(
                kept.file_id,
                kept.filename,
                kept.version,
                kept.media_type,
                kept.size,
                kept.expires_at,
            )
        )
        tell(Artifact(ask_id=job.ask_id, **saved.model_dump()))

    def _url(self, kept: Kept, surface: str) -> str:
        """Discord's people bring no token; everybody else does."""
        if surface == "discord":
            return self._links.signed(kept.file_id, until=kept.expires_at)
        return f"/artifacts/{kept.file_id}"


def earlier_in(conversation: Conversation) -> list[Earlier]:
    """The files that were handed over before, oldest first, each name once with its version."""
    last = conversation.last_answer
    found: dict[str, Earlier] = {}
    for entry in conversation.entries:
        for made in entry.made:
            found.pop(made.filename, None)
            latest = last is not None and entry is last[1]
            found[made.filename] = Earlier(made.filename, made.version, latest)
    return list(found.values())


def without_claims(text: str) -> str:
    """`text` without lines by which a model says itself that it saved a file: it has seen ours."""
    return _CLAIM.sub("", text)


def closing(draft: Draft) -> str:
    """What stands under an answer: the files that were saved, and what must be said beside it."""
    return "".join(f"\n\n{line}" for line in _lines(draft)) if draft.text.strip() else ""


def _lines(draft: Draft) -> Iterator[str]:
    for made in draft.made:
        version = f" (version {made.version})" if made.version > 1 else ""
        yield f"{SAVED}{made.filename}{version}"
    for remark in (*draft.remarks, *draft.cut):
        yield f"_{remark if remark.endswith('.') else remark + '.'}_"


def instructed_to_write(draft: Draft, system: str) -> str:
    """The system prompt of a model that is to write files when such were asked for in words."""
    asked = isinstance(draft.wish, Wish) and draft.wish.firm
    return f"{system}\n\n{_instruction()}" if asked else system


@cache
def _instruction() -> str:
    return (resources("brain.artifacts") / "hand_over.md").read_text("utf-8").strip()
