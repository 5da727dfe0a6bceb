"""
What was written while nobody listened: found, and answered once.

    READY ───────┐
                 ├▶ readings ─▶ places with something new ─▶ questions ─▶ the newest are asked,
    late server ─┘   └ since `memory.since` when the gap began               for the rest a word

The memory is held until all is read; what cannot be read because Discord is away is read again. A
resumed session needs nothing of this, Discord sends what was missed. Bounds: the questions of six
hours, and a word about those of two days; the last hundred messages of a place, a hundred places of
a server's and of direct messages each, and the twenty newest questions.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
AGAIN_SECONDS, LONGEST_AGAIN_SECONDS = 30.0, 600.0
LATE_SECONDS = 30.0
"""How long after READY its servers mostly come; later ones are read all the same."""

LOOK_SECONDS = 0.2
TOO_MUCH = (
    "👋 I was away and cannot answer everything that was asked here. "
    "Please ask again what still matters."
)
Place = discord.abc.Messageable


@dataclass(frozen=True, slots=True)
class Reading:
    """Where to read on from the message `since`: a server, or (None) all there is."""

    guild_id: int | None
    since: int


@dataclass(slots=True)
class CatchUp:
    """Follows the connection: `away`, then `resumed` or `arrive`; and servers that come and go."""

    chat: Chat
    delivery: Delivery
    memory: Memory
    clock: Clock
    _client: discord.Client | None = None
    _is_away: bool = True
    _is_reading: bool = False
    _readings: deque[Reading] = field(default_factory=deque)
    _gone: dict[int, int] = field(default_factory=dict)
    """Servers that are not there (yet), and since which message nothing was heard of them."""

    _late_until: float = 0.0

    def away(self) -> None:
        """The connection is lost."""
        self._is_away = True
        self.memory.hold()

    def resumed(self) -> None:
        """It is back, and what was missed came over it."""
        self._is_away = False
        if not self._is_reading:
            self.memory.release()

    async def arrive(self, client: discord.Client) -> None:
        """It is a new one, to which nothing comes of what was missed."""
        self._is_away = False
        self._client = client
        self._late_until = self.clock.monotonic() + LATE_SECONDS
        since = self.memory.since
        before, self._gone = self._gone, {}
        for guild in client.guilds:
            if guild.unavailable:
                self._gone[guild.id] = before.get(guild.id, since)
            elif guild.id in before:
                self._readings.append(Reading(guild.id, before[guild.id]))
        if not self.memory.is_new:
            self._readings.append(Reading(None, since))
        self.memory.is_new = False
        await self._read_all()

    async def guild_came(self, guild_id: int) -> None:
        """A server is there: late, again, or for the first time."""
        if self._client is None or guild_id not in self._gone:
            return  # `arrive` reads it, or nothing was missed there
        self.memory.hold()
        self._readings.append(Reading(guild_id, self._gone.pop(guild_id)))
        await self._read_all()

    def guild_went(self, guild_id: int) -> None:
        """Discord cannot reach a server of ours."""
        self._gone.setdefault(guild_id, self.memory.since)

    async def _read_all(self) -> None:
        """One at a time; the memory goes on when nothing more is to be expected."""
        if self._is_reading:
            return
        self._is_reading = True
        pause = AGAIN_SECONDS
        try:
            while self._readings or self._is_one_late:
                if not self._readings:
                    await self.clock.sleep(LOOK_SECONDS)
                elif await self._read_on(self._readings[0]):
                    self._readings.popleft()
                    pause = AGAIN_SECONDS
                else:
                    log.warning("missed.again", pause=pause)
                    await self.clock.sleep(pause)
                    pause = min(pause * 2, LONGEST_AGAIN_SECONDS)
        finally:
            self._is_reading = False
        if not self._is_away:
            self.memory.release()

    @property
    def _is_one_late(self) -> bool:
        return bool(self._gone) and self.clock.monotonic() < self._late_until

    async def _read_on(self, reading: Reading) -> bool:
        """Whether all of it could be read."""
        client = self._client
        assert client is not None
        assert client.user is not None
        own = client.user
        now = self.clock.now()
        since = max(reading.since, snowflake_at(now - TOLD_HOURS * 3600))
        found, is_whole = await self._missed(
            _places(client, reading, self.memory.direct, since), since
        )
        questions = [one for one in found if self._is_question(one, own)]
        asked, left = chosen(questions, oldest=snowflake_at(now - HOURS * 3600))
        log.info("missed.found", messages=len(found), asked=len(asked), left=len(left))
        unnamed = [one for one in asked if not await self._asked(one, own)]
        for message in found:
            if message not in unnamed and self.memory.hear(message.id):
                self.memory.settle(message.id)
        for message in {one.channel.id: one for one in left}.values():
            await say(self.delivery, message, TOO_MUCH)
        return is_whole and not unnamed

    async def _missed(
        self, there: Iterator[Place], since: int
    ) -> tuple[list[discord.Message], bool]:
        """What was written, and whether every place could be asked for it."""
        found: list[discord.Message] = []
        is_whole = True
        for place in there:
            try:
                found += await self.delivery.call("catch_up", partial(_read, place, since))
            except Gone:
                continue  # it may not be read any more
            except Undelivered:
                is_whole = False
            except Exception:  # something in it that the library cannot read
                log.exception("missed.not_read")
        return found, is_whole

    async def _asked(self, message: discord.Message, own: discord.ClientUser) -> bool:
        """False: Discord did not say who asks."""
        try:
            await self._name(message)
        except Undelivered:
            return False
        try:
            await self.chat.heard(message, own, missed=True)
        except Exception:  # the others are asked all the same
            log.exception("missed.not_asked")
        return True

    def _is_question(self, message: discord.Message, own: discord.ClientUser) -> bool:
        if message.author.id == own.id or self.memory.knows(message.id):
            return False
        decision = self.chat.would_answer(message, own, without_roles=True)
        return decision.does != "ignore" and not wants_cancel(message.content)

    async def _name(self, message: discord.Message) -> None:
        """History says nothing of roles and nicknames. Raises `Undelivered`."""
        guild, author = message.guild, message.author
        if guild is not None and isinstance(author, discord.User):

            async def fetch(_: discord.Client) -> discord.Member:
                return await guild.fetch_member(author.id)

            with suppress(Gone):  # who has left is asked for by the name of the account
                message.author = await self.delivery.call("member", fetch)


def chosen(
    questions: Sequence[discord.Message], *, oldest: int
) -> tuple[list[discord.Message], list[discord.Message]]:
    """Those that are asked now, and those that are too old or too many; both in their order."""
    ordered = sorted(questions, key=lambda one: one.id)
    recent = [one for one in ordered if one.id >= oldest][-MOST_QUESTIONS:]
    first = recent[0].id if recent else None
    return recent, [one for one in ordered if first is None or one.id < first]


def _places(
    client: discord.Client, reading: Reading, direct: Sequence[int], since: int
) -> Iterator[Place]:
    if reading.guild_id is None:
        for guild in client.guilds:
            yield from places(guild, since)
        yield from map(client.get_partial_messageable, direct[:MOST_PLACES])
    elif (one := client.get_guild(reading.guild_id)) is not None:
        yield from places(one, since)


def places(guild: discord.Guild, since: int) -> Iterator[Place]:
    """Where something may have been written after the message `since` that we may read."""
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


async def _read(place: Place, since: int, _: discord.Client) -> list[discord.Message]:
    found = []
    async for message in place.history(limit=MOST_READ):
        if message.id <= since:
            break
        found.append(message)
    return found
