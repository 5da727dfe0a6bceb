"""What the chat knows of its questions while this process runs; all of it bounded."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import discord

from bot.chat.live_answer import LiveAnswer
from shared.protocol import Ask

REMEMBERED = 2000
K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Opened:
    """A question in hand, or one that has ended at that monotonic second."""

    answer: LiveAnswer
    ask: Ask | None
    """None: asked before this process began."""

    content: str = ""
    ended_at: float = 0.0
    changed: tuple[discord.Message, discord.ClientUser] | None = None
    """What the question became while its end was being shown."""
    over: anyio.Event = field(default_factory=anyio.Event)
    """Set when nothing more is shown of it."""


def remember(book: OrderedDict[K, V], key: K, value: V) -> None:
    """Put it in as the newest; the oldest go beyond two thousand."""
    book[key] = value
    book.move_to_end(key)
    while len(book) > REMEMBERED:
        book.popitem(last=False)
