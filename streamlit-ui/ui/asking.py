"""From what a person wrote and dropped to a question for the brain."""

from collections.abc import Iterable
from typing import Any, Protocol
from uuid import uuid4

from shared.errors import InvalidRequest
from shared.protocol import MAX_TEXT_CHARS
from ui.brain import Brain
from ui.live import Question
from ui.words import size

MAX_FILES = 20
FILES_ALONE = "What is in this?"
"""Said for a person who sends files and no word."""


class Dropped(Protocol):
    """A file as Streamlit hands it over."""

    name: str
    type: str

    def getvalue(self) -> bytes:
        """Its bytes."""


class NotSent(InvalidRequest):
    """A question that would be refused; nothing of it was sent."""


def question_of(
    text: str,
    files: Iterable[Dropped],
    *,
    conversation_id: str,
    brain: Brain,
    max_file_bytes: int,
    options: dict[str, Any] | None = None,
) -> Question:
    """
    The question, its files kept by the brain already.

    Raises `NotSent` with what to change, and what the brain refuses.
    """
    dropped = list(files)
    check(text, [(one.name, len(one.getvalue())) for one in dropped], max_bytes=max_file_bytes)
    attachments = tuple(_kept(one, brain) for one in dropped)
    return Question(
        ask_id=uuid4().hex,
        conversation_id=conversation_id,
        text=text.strip() or FILES_ALONE,
        attachments=attachments,
        options=options or {},
    )


def check(text: str, files: list[tuple[str, int]], *, max_bytes: int) -> None:
    """Raises `NotSent` for what the brain would refuse; `files` are names and sizes in bytes."""
    if len(text) > MAX_TEXT_CHARS:
        raise NotSent(
            f"Your question has {len(text):,} characters; at most {MAX_TEXT_CHARS:,} can be "
            "read. Please shorten it, or send it as a file."
        )
    if len(files) > MAX_FILES:
        raise NotSent(f"Please send at most {MAX_FILES} files with one question.")
    for name, count in files:
        if count == 0:
            raise NotSent(f"{name} is empty. Please send it again.")
        if count > max_bytes:
            raise NotSent(
                f"{name} is too large: {size(count)}, and at most {size(max_bytes)} can be read. "
                "Please send a smaller file or a part of it."
            )


def _kept(one: Dropped, brain: Brain) -> dict[str, Any]:
    kept = brain.upload(one.name, one.getvalue())
    return {
        "file_id": kept["file_id"],
        "filename": kept["filename"],
        "content_type": kept["media_type"],
        "size": kept["size"],
    }
