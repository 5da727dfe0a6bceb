"""What a bot before this one knew of an answer it began, found again in Discord."""

from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.chat import buttons
from bot.chat.ask import QuestionId
from bot.chat.delivery import Delivery, Gone, Sent, Undelivered


@dataclass(frozen=True, slots=True)
class Found:
    """`standing`: its messages, the first one first; `last`: one with its end beyond those."""

    standing: list[int]
    last: Sent | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it stands anywhere."""
        return self.last is None and not self.standing

    @property
    def is_complete(self) -> bool:
        """Whether it was shown to its end and nothing else of it is known."""
        return self.last is not None and not self.standing


async def messages_of(question: QuestionId, known: Sequence[int], delivery: Delivery) -> Found:
    """
    The messages that are `known`, and those sent after them whose buttons name the question.

    A bot that died before it noted what it had sent knows too few. Raises `Gone`, `Undelivered`.
    """
    running, last = list(known), None
    after = max(known, default=question.message_id)
    for message in await delivery.search(question.channel_id, after=after):
        match buttons.stage_of(message, str(question)):
            case "running":  # it takes the place of what had that button before
                running.insert(0, message.id)
            case "ended":
                last = Sent(message.id, message.content)
    return Found(running, last)


async def asker_of(question: QuestionId, delivery: Delivery) -> int:
    """Who wrote the question; 0 where that cannot be known."""

    async def fetch(client: discord.Client) -> int:
        home = client.get_partial_messageable(question.home_id)
        return (await home.fetch_message(question.message_id)).author.id

    try:
        return await delivery.call("asker", fetch)
    except (Gone, Undelivered):
        return 0
