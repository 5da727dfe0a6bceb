"""What fits into a model's context. Pure: texts and numbers in, a prompt out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from brain.context.checkpoint import Checkpoint, framed
from brain.context.conversation import Entry
from brain.context.enclosed import NOTHING, Quoted, quoted
from brain.context.errors import TooLong
from brain.llm.messages import Message
from brain.llm.tokens import TOKENS_PER_MESSAGE, estimate, estimate_message
from brain.vram.pressure import Level

ANSWER_SHARE = 4
"""One part in four of the context is kept free for the answer …"""

MAX_ANSWER_TOKENS = 4096
"""… but never more than this."""

CHECKPOINT_SHARE = 3
"""The minutes of what came before take at most one part in three of what the question leaves."""

HISTORY_SHARE: Mapping[Level, float] = {Level.CALM: 1.0, Level.WARN: 0.5, Level.CRIT: 0.2}
"""
How much of what the question leaves is used for what was said before, by how short memory is.

A longer prompt takes more working memory while it is read; the question itself is never cut.
"""


FILES_SHARE = 0.75
"""How much of what the question leaves its files may take, where something was said before."""

EARLIER_FILES_SHARE = 0.5
"""How much of the room for what was said before the files of earlier questions may take."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """
    What goes to the model, and its size as estimated without correction.

    `shortened`: more of the conversation would have fitted if memory were not short. `cut`:
    sentences about files of the question that did not fit as a whole.
    """

    system: str
    messages: Sequence[Message]
    estimated: int
    shortened: bool = False
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Before:
    """What of the conversation is shown, and its estimated size."""

    minutes: str
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
    level: Level = Level.CALM,
    reserved: int = 0,
) -> Fitted:
    """
    The question, the minutes of what `checkpoint` stands for, and the newest of `entries` that fit.

    Whole turns are left out, oldest first; nothing begins with an answer. `name_speakers` puts each
    person's name in front of what they said. `ratio` is how many tokens of this model an estimated
    one is. The shorter memory is (`level`), the less of the conversation is shown. Of the files of
    a question as much is shown as fits; `reserved` tokens are left free for its pictures. Raises
    `TooLong` when the question alone does not fit.
    """
    room = int(room_for_prompt(context_tokens) / ratio) - estimate_message(system) - reserved
    needed = estimate_message(_message(question, name_speakers).text)
    if needed > room:
        raise TooLong(length=ceil(needed * ratio), limit=max(int(room * ratio), 0), unit="tokens")
    left = room - needed
    share = FILES_SHARE if entries or checkpoint else 1.0
    files = quoted(question.enclosed, room=int(left * share))
    left -= files.tokens
    before = _before(entries, checkpoint, int(left * HISTORY_SHARE[level]), name_speakers)
    all_of_it = before if not level else _before(entries, checkpoint, left, name_speakers)
    return Fitted(
        system=f"{system}\n\n{before.minutes}" if before.minutes else system,
        messages=[*before.messages, _message(question, name_speakers, files)],
        estimated=estimate_message(system) + needed + files.tokens + before.estimated,
        shortened=before.estimated < all_of_it.estimated,
        cut=files.cut,
    )


def _before(
    entries: Sequence[Entry], checkpoint: Checkpoint | None, room: int, name_speakers: bool
) -> _Before:
    """The minutes, and the newest whole turns, that fit into `room`."""
    minutes = framed(checkpoint, room=room // CHECKPOINT_SHARE)
    size = estimate(minutes)
    said = _with_files(entries, int((room - size) * EARLIER_FILES_SHARE))
    kept, taken = _newest(said, room - size, name_speakers)
    return _Before(minutes, kept, size + taken)


def _with_files(entries: Sequence[Entry], room: int) -> Sequence[Entry]:
    """The files of earlier questions become part of what was said, the newest first."""
    said = list(entries)
    for index in range(len(said) - 1, -1, -1):
        entry = said[index]
        if entry.enclosed:
            files = quoted(entry.enclosed, room=room)
            room = max(room - files.tokens, 0)
            tokens = files.tokens + (estimate(entry.text) if entry.tokens is None else entry.tokens)
            said[index] = replace(
                entry, text=f"{files.text}\n\n{entry.text}", tokens=tokens, enclosed=()
            )
    return said


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


def most_tokens(entry: Entry) -> int:
    """At least what `size_of` says, without reading the text: a character is two tokens at most."""
    return 2 * len(entry.text) + TOKENS_PER_MESSAGE


def _message(entry: Entry, name_speakers: bool, files: Quoted = NOTHING) -> Message:
    text = entry.text
    if name_speakers and entry.role == "user" and entry.name:
        text = f"{entry.name}: {text}"
    return Message(role=entry.role, text=f"{files.text}\n\n{text}".strip() if files.text else text)
