"""
Finding a conversation again by words in its title, or in what was said in those used last.

The store has no index of words, so texts are looked through one conversation after the other,
within bounds that keep a search cheaper than opening a few long conversations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import anyio

from brain.context.repository import ConversationRepository
from brain.context.shelf import Listed

LOOKED_THROUGH = 30
"""Conversations whose texts are read, the last used first …"""
ENTRIES = 100
"""… and the newest messages of each …"""
SECONDS = 1.0
"""… as long as this lasts."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation that holds all the words, and where."""

    listed: Listed
    found_in: Literal["title", "text"]


async def search(
    listed: Sequence[Listed], words: str, conversations: ConversationRepository
) -> list[Hit]:
    """
    Those of `listed` with all of `words` in the title or in one message, in their order.

    Titles of all are compared, texts within the bounds above; case does not matter.
    """
    wanted = words.casefold().split()
    found = {one.key: Hit(one, "title") for one in listed if _has(one.title, wanted)}
    rest = [one for one in listed if one.key not in found][:LOOKED_THROUGH]
    with anyio.move_on_after(SECONDS):
        for one in rest:
            conversation = await conversations.load(one.key, entries=ENTRIES)
            if any(_has(entry.text, wanted) for entry in conversation.entries):
                found[one.key] = Hit(one, "text")
    return [found[one.key] for one in listed if one.key in found]


def _has(text: str, wanted: Sequence[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in wanted)
