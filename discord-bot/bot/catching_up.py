"""
What was written while nobody listened: found, and answered once.

    READY ──▶ places with something new ──▶ questions ──▶ the newest are asked, for the rest a word
                 └ since `memory.since`

A resumed session needs nothing of this, Discord sends what was missed. Bounds: the questions of six
hours, and a word about those of two days; the last hundred messages of a place, a hundred places of
a server's and of direct messages each, and the twenty newest questions.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import discord
import structlog

from bot.chat.ask import wants_cancel
from bot.chat.cog import Chat
from bot.chat.delivery import Delivery, Gone, Undelivered
from bot.chat.places import say
from bot.memory import Memory, snowflake_at
from shared.clock import Clock

log = structlog.get_logger(__name__)
HOURS = 6.0
TOLD_HOURS = 48.0
MOST_READ = 100
MOST_PLACES = 100
MOST_QUESTIONS = 20
TOO_MUCH = (
    "👋 I was away and cannot answer everything that was asked here. "
    "Please ask again what still matters."
)
Place = discord.abc.Messageable


@dataclass(slots=True)
class CatchUp:
    """Follows the connection: `away`, then `resumed` or `arrive`."""

    chat: Chat
    delivery: Delivery
    memory: Memory
    clock: Clock
    _is_away: bool = True
    _is_reading: bool = False

    def away(self) -> None:
        """The connection is lost."""
        self._is_away = True
        self.memory.hold()

    def resumed(self) -> None:
        """It is back, and what was missed came over it."""
        self._is_away = False
        if not self._is_reading:
            self.memory.release()

    async def arrive(self, client: discord.Client, own: discord.ClientUser) -> None:
        """It is a new one, to which nothing comes of what was missed."""
        self._is_away = False
        if self._is_reading:
            return
        self._is_reading = True
        try:
            if not self.memory.is_new:
                await self._read_on(client, own)
            self.memory.is_new = False
        finally:
            self._is_reading = False
        if not self._is_away:
            self.memory.release()

    async def _read_on(self, client: discord.Client, own: discord.ClientUser) -> None:
        now = self.clock.now()
        since = max(self.memory.since, snowflake_at(now - TOLD_HOURS * 3600))
        found = [one async for one in self._missed(client, since)]
        questions = [one for one in found if self._is_question(one, own)]
        asked, left = chosen(questions, oldest=snowflake_at(now - HOURS * 3600))
        log.info("missed.found", messages=len(found), asked=len(asked), left=len(left))
        for message in asked:
            await self._name(message)
            await self.chat.heard(message, own, missed=True)
        for message in found:
            if self.memory.hear(message.id):
                self.memory.settle(message.id)
        for message in {one.channel.id: one for one in left}.values():
            await say(self.delivery, message, TOO_MUCH)

    async def _missed(self, client: discord.Client, since: int) -> AsyncIterator[discord.Message]:
        for place in places(client, self.memory.direct, since):
            reading = partial(_read, place, since)
            with suppress(Gone, Undelivered):
                for message in await self.delivery.call("catch_up", reading):
                    yield message

    def _is_question(self, message: discord.Message, own: discord.ClientUser) -> bool:
        if message.author.id == own.id or self.memory.knows(message.id):
            return False
        decision = self.chat.would_answer(message, own, without_roles=True)
        return decision.does != "ignore" and not wants_cancel(message.content)

    async def _name(self, message: discord.Message) -> None:
        """History says nothing of roles and nicknames."""
        if message.guild is not None and isinstance(message.author, discord.User):
            with suppress(discord.HTTPException):
                message.author = await message.guild.fetch_member(message.author.id)


def chosen(
    questions: Sequence[discord.Message], *, oldest: int
) -> tuple[list[discord.Message], list[discord.Message]]:
    """Those that are asked now, and those that are too old or too many; both in their order."""
    ordered = sorted(questions, key=lambda one: one.id)
    recent = [one for one in ordered if one.id >= oldest][-MOST_QUESTIONS:]
    first = recent[0].id if recent else None
    return recent, [one for one in ordered if first is None or one.id < first]


def places(client: discord.Client, direct: Sequence[int], since: int) -> Iterator[Place]:
    """Where something may have been written after the message `since` that we may read."""
    for guild in client.guilds:
        all_places: list[discord.TextChannel | discord.Thread]
        all_places = [*guild.text_channels, *guild.threads]
        new = [
            place
            for place in all_places
            if (place.last_message_id or 0) > since
            and place.permissions_for(guild.me).read_message_history
        ]
        new.sort(key=lambda place: place.last_message_id or 0)
        yield from new[-MOST_PLACES:]
    for channel_id in direct[:MOST_PLACES]:
        yield client.get_partial_messageable(channel_id)


async def _read(place: Place, since: int, _: discord.Client) -> list[discord.Message]:
    found = []
    async for message in place.history(limit=MOST_READ):
        if message.id <= since:
            break
        found.append(message)
    return found
