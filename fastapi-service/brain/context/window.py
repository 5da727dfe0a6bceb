"""What fits into a model's context. Pure: texts and numbers in, a prompt out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from brain.context.checkpoint import Checkpoint, framed
from brain.context.conversation import Entry
from brain.context.errors import TooLong
from brain.llm.messages import Message
from brain.llm.tokens import TOKENS_PER_MESSAGE, estimate, estimate_message

ANSWER_SHARE = 4
"""One part in four of the context is kept free for the answer …"""

MAX_ANSWER_TOKENS = 4096
"""… but never more than this."""

CHECKPOINT_SHARE = 3
"""The minutes of what came before take at most one part in three of what the question leaves."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What goes to the model, and its size as estimated without correction."""

    system: str
    messages: Sequence[Message]
    estimated: int


def room_for_prompt(context_tokens: int) -> int:
    """Tokens of the context that are not kept free for the answer."""
    return context_tokens - min(context_tokens // ANSWER_SHARE, MAX_ANSWER_TOKENS)


def fit(
    *,
    system: str,
    entries: Sequence[Entry],
    question: Entry,
    context_tokens: int,
    name_speakers: bool,
    checkpoint: Checkpoint | None = None,
    ratio: float = 1.0,
) -> Fitted:
    """
    The question, the minutes of what `checkpoint` stands for, and the newest of `entries` that fit.

    Whole turns are left out, oldest first; nothing begins with an answer. `name_speakers` puts each
    person's name in front of what they said. `ratio` is how many tokens of this model an estimated
    one is. Raises `TooLong` when the question alone does not fit.
    """
    whole = int(room_for_prompt(context_tokens) / ratio)
    room = whole - estimate_message(system)
    last = _message(question, name_speakers)
    needed = estimate_message(last.text)
    if needed > room:
        raise TooLong(length=ceil(needed * ratio), limit=max(int(room * ratio), 0), unit="tokens")
    room -= needed
    minutes = framed(checkpoint, room=room // CHECKPOINT_SHARE)
    room -= estimate(minutes)
    kept, taken = _newest(entries, room, name_speakers)
    return Fitted(
        system=f"{system}\n\n{minutes}" if minutes else system,
        messages=[*kept, last],
        estimated=whole - room + taken,
    )


def _newest(entries: Sequence[Entry], room: int, name_speakers: bool) -> tuple[list[Message], int]:
    """The newest whole turns that fit into `room`, and their size."""
    kept: list[Message] = []
    turn: list[Message] = []
    taken = size = 0
    for entry in reversed(entries):
        turn.append(_message(entry, name_speakers))
        size += size_of(entry, name_speakers=name_speakers)
        if taken + size > room:
            break
        if entry.role == "user":
            kept += turn
            taken += size
            turn, size = [], 0
    return kept[::-1], taken


def size_of(entry: Entry, *, name_speakers: bool = False) -> int:
    """Estimated tokens of an entry as a message."""
    tokens = estimate(entry.text) if entry.tokens is None else entry.tokens
    name = estimate(entry.name) + 1 if name_speakers and entry.role == "user" else 0
    return tokens + name + TOKENS_PER_MESSAGE


def _message(entry: Entry, name_speakers: bool) -> Message:
    if name_speakers and entry.role == "user" and entry.name:
        return Message(role="user", text=f"{entry.name}: {entry.text}")
    return Message(role=entry.role, text=entry.text)
