"""What fits into a model's context. Pure: texts and a number in, messages out."""

from collections.abc import Sequence

from brain.context.conversation import Entry
from brain.context.errors import TooLong
from brain.llm.messages import Message

ANSWER_SHARE = 4
"""One part in four of the context is kept free for the answer …"""

MAX_ANSWER_TOKENS = 4096
"""… but never more than this."""

CHARS_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8


def estimate_tokens(text: str) -> int:
    """
    Tokens `text` will take, rather too many than too few.

    Three characters of ASCII a token, and one token for every other character.
    """
    ascii_chars = len(text.encode("ascii", "ignore"))
    return ascii_chars // CHARS_PER_TOKEN + (len(text) - ascii_chars) + TOKENS_PER_MESSAGE


def fit(
    *,
    system: str,
    entries: Sequence[Entry],
    question: Entry,
    context_tokens: int,
    name_speakers: bool,
) -> list[Message]:
    """
    The newest entries and the question that fit beside `system` in `context_tokens`.

    Whole turns are left out, oldest first. `name_speakers` puts each person's name in front of
    what they said. Raises `TooLong` when the question alone does not fit.
    """
    room = context_tokens - min(context_tokens // ANSWER_SHARE, MAX_ANSWER_TOKENS)
    room -= estimate_tokens(system)
    last = _message(question, name_speakers)
    needed = estimate_tokens(last.text)
    if needed > room:
        raise TooLong(length=needed, limit=max(room, 0), unit="tokens")
    room -= needed
    kept = [last]
    for entry in reversed(entries):
        message = _message(entry, name_speakers)
        room -= estimate_tokens(message.text)
        if room < 0:
            break
        kept.append(message)
    while kept[-1].role == "assistant":
        kept.pop()  # a conversation does not begin with an answer
    return kept[::-1]


def _message(entry: Entry, name_speakers: bool) -> Message:
    if name_speakers and entry.role == "user" and entry.name:
        return Message(role="user", text=f"{entry.name}: {entry.text}")
    return Message(role=entry.role, text=entry.text)
