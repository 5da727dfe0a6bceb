"""What the chat knows of its questions while this process runs; all of it bounded."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import discord

from bot.chat.ask import QuestionId
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


@dataclass(slots=True)
class Book:
    """The questions in hand (`open`, by `ask_id`, the oldest first), and the last that ended."""

    open: dict[str, Opened] = field(default_factory=dict)
    ended: OrderedDict[int, Opened] = field(default_factory=OrderedDict)
    """By the question's message: what may still be asked anew."""

    newest: OrderedDict[int, int] = field(default_factory=OrderedDict)
    """The last question of each place."""

    _finished: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def put(self, opened: Opened) -> None:
        """It is in hand now."""
        self.open[opened.answer.ask_id] = opened

    def forget(self, ask_id: str) -> None:
        """Nothing more is shown of it."""
        opened = self.open.pop(ask_id, None)
        if opened is not None:
            opened.over.set()
        remember(self._finished, ask_id, None)

    def has_finished(self, ask_id: str) -> bool:
        """Whether this process has seen its end."""
        return ask_id in self._finished

    def knows(self, question: QuestionId) -> bool:
        """Whether it is in hand or was."""
        return str(question) in self.open or self.has_finished(str(question))

    def unused(self, question: QuestionId) -> QuestionId:
        """`question`, or its next round that this process does not know."""
        while self.knows(question):
            question = question.again
        return question

    def of_message(self, message_id: int) -> list[Opened]:
        """What is in hand of the question in that message; several if it was asked again."""
        return [one for one in self.open.values() if one.answer.question.message_id == message_id]

    def in_place(self, channel_id: int) -> list[Opened]:
        """What is being answered there."""
        return [one for one in self.open.values() if one.answer.channel_id == channel_id]

    def of_person(self, user_id: int, channel_id: int) -> list[Opened]:
        """What they asked, or have answered, there and has no end yet; the oldest first."""
        return [
            one
            for one in self.open.values()
            if one.answer.asker_id == user_id
            and channel_id in (one.answer.question.channel_id, one.answer.question.home_id)
            and one.answer.screen.end is None
        ]


def remember(book: OrderedDict[K, V], key: K, value: V) -> None:
    """Put it in as the newest; the oldest go beyond two thousand."""
    book[key] = value
    book.move_to_end(key)
    while len(book) > REMEMBERED:
        book.popitem(last=False)
