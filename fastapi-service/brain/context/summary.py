"""
What of a conversation is summarised, how a model is asked for it, and what of its reply is kept.

Pure. Facts do not depend on the model's memory: those it leaves out are carried over as they were
while there is room.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from brain.context.checkpoint import Checkpoint, fitting, notes, tokens_of
from brain.context.conversation import Entry
from brain.context.window import most_tokens, size_of

DUE_SHARE = 2
"""Summarised when what no checkpoint covers takes more than one part in two of the room …"""

DUE_ENTRIES = 120
"""… or is so many messages, so that one read of the store still finds them all."""

KEPT_SHARE = 4
"""The newest turns that fit into one part in four of the room stay as they were said."""

FACTS_SHARE = 8
"""Facts may take one part in eight of the room."""

ENTRY_SHARE = 3
"""One message takes at most one part in three of what is shown to whoever writes the minutes."""

MAX_TEXT_CHARS = 6_000
MAX_FACT_CHARS = 400

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_LEFTOVER = re.compile(
    r"</?(think|thinking|reasoning)>|<\|?/?(tool_call|tool_response|channel|message|start|im_start)"
    r"|\[TOOL_CALLS\]",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+(?P<fact>\S.*)")


@dataclass(frozen=True, slots=True)
class Minutes:
    """What a model wrote down."""

    facts: tuple[str, ...]
    text: str


@cache
def instructions() -> str:
    """The system prompt of whoever keeps the minutes."""
    return (files("brain.context") / "minutes.md").read_text("utf-8").strip()


def is_due(entries: Sequence[Entry], *, room: int) -> bool:
    """Whether `entries`, which no checkpoint covers, are too much for `room` tokens of prompt."""
    if len(entries) > DUE_ENTRIES:
        return True
    if sum(most_tokens(entry) for entry in entries) <= room // DUE_SHARE:
        return False
    return sum(size_of(entry) for entry in entries) > room // DUE_SHARE


def older(entries: Sequence[Entry], *, room: int, keep_turns: int = 1) -> Sequence[Entry]:
    """
    Those of `entries` that are to be summarised: whole turns, oldest first.

    What fits into the kept share of `room` stays, and always the newest `keep_turns` turns.
    """
    first, size, turns = len(entries), 0, 0
    for index in range(len(entries) - 1, -1, -1):
        size += size_of(entries[index])
        if turns >= keep_turns and size > room // KEPT_SHARE:
            break
        if entries[index].role == "user":
            first, turns = index, turns + 1
    return entries[:first]


def portion(entries: Sequence[Entry], *, room: int) -> Sequence[Entry]:
    """The oldest whole turns whose transcript fits into `room` tokens; at least one turn."""
    end = size = 0
    for index, entry in enumerate(entries):
        if entry.role == "user" and index and size <= room:
            end = index
        size += min(size_of(entry), room // ENTRY_SHARE)
        if size > room:
            break
    else:
        end = len(entries)
    return entries[: end or _first_turn(entries)]


def transcript(previous: Checkpoint | None, entries: Sequence[Entry], *, room: int) -> str:
    """What the model is asked: the minutes so far and what was said since."""
    so_far = notes(previous.facts, previous.text) if previous else "(none)"
    said = "\n".join(_line(entry, most=room // ENTRY_SHARE) for entry in entries)
    return (
        f"<minutes_so_far>\n{so_far}\n</minutes_so_far>\n"
        f"<conversation>\n{said}\n</conversation>\n"
        "Write the minutes of both together."
    )


def read_minutes(reply: str) -> Minutes | None:
    """
    The facts and the text of a model's reply; None when it cannot stand for a conversation.

    That is: nothing is left without thoughts, or a thought or a tool's protocol got into it.
    """
    text = _THOUGHT.sub("", reply).strip()
    if not text or _LEFTOVER.search(text):
        return None
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if _BULLET.match(line)), None)
    if start is None:
        return Minutes((), _clipped(text, MAX_TEXT_CHARS))
    end = next(
        (n for n in range(start, len(lines)) if lines[n].strip() and not _BULLET.match(lines[n])),
        len(lines),
    )
    matches = (_BULLET.match(line) for line in lines[start:end])
    facts = tuple(_clipped(found["fact"].strip(), MAX_FACT_CHARS) for found in matches if found)
    return Minutes(facts, _clipped("\n".join(lines[end:]).strip(), MAX_TEXT_CHARS))


def merged(previous: Sequence[str], facts: Sequence[str], *, room: int) -> tuple[str, ...]:
    """
    The facts so far that the model left out, then its own list, in at most `room` tokens.

    The model's list has been put in order by somebody who read everything, so it goes first when
    room is short; of the others the oldest do.
    """
    own = fitting(tuple(dict.fromkeys(facts)), room=room)
    known = {_plain(fact) for fact in own}
    left_out = [fact for fact in previous if _plain(fact) not in known]
    return (*fitting(left_out, room=room - sum(map(tokens_of, own))), *own)


def checkpoint_of(
    minutes: Minutes,
    previous: Checkpoint | None,
    *,
    covered: Sequence[Entry],
    room: int,
    at: float,
    model: str,
) -> Checkpoint:
    """The checkpoint that follows `previous` and stands for `covered` as well."""
    before = previous.upto if previous else -1
    new = [entry for entry in covered if entry.order > before]
    return Checkpoint(
        number=(previous.number if previous else 0) + 1,
        upto=max((entry.order for entry in new), default=before),
        facts=merged(previous.facts if previous else (), minutes.facts, room=room // FACTS_SHARE),
        text=minutes.text,
        messages=(previous.messages if previous else 0) + len(new),
        at=at,
        model=model,
    )


def _first_turn(entries: Sequence[Entry]) -> int:
    later = (n for n, entry in enumerate(entries) if n and entry.role == "user")
    return next(later, len(entries))


def _line(entry: Entry, *, most: int) -> str:
    who = "Assistant" if entry.role == "assistant" else entry.name or "Person"
    tokens = size_of(entry)
    text = entry.text
    return f"{who}: {text if tokens <= most else _clipped(text, len(text) * most // tokens)}"


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]} […]"


def _plain(fact: str) -> str:
    return re.sub(r"\W+", " ", fact).strip().casefold()
