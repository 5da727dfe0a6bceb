"""The state of the stand-in Discord: who and what exists, and who is told when it changes."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from rehearsal.discord import shapes
from rehearsal.discord.errors import forbidden, no_access, unknown
from rehearsal.discord.faults import DiscordFaults
from rehearsal.discord.limits import Limits
from rehearsal.discord.sessions import Intent, Session, Sessions
from rehearsal.discord.world import (
    BOT_PERMISSIONS,
    Attachment,
    Channel,
    Guild,
    Interaction,
    Json,
    Kind,
    May,
    Member,
    Message,
    Person,
    Role,
    Snowflakes,
)
from shared.clock import Clock, iso

KEPT_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request: `route` is its pattern, `at` a real monotonic second."""

    at: float
    method: str
    route: str
    path: str
    status: int
    took: float


@dataclass(slots=True)
class Rules:
    """What can be set about the stand-in before or while it runs."""

    token: str = "rehearsal"  # noqa: S105 - the stand-in's, no secret
    intents: int = (1 << 26) - 1
    """Intents the application may use; asking for more closes with 4014."""
    heartbeat_seconds: float = 41.25
    answer_seconds: float = 3.0
    """How long an interaction waits for its first answer."""
    token_seconds: float = 900.0
    """How long the token of an interaction is good."""
    largest_file: int = 10 * 2**20
    """Bytes."""


class State:
    """Everything that exists; REST, gateway and people change it here."""

    def __init__(self, clock: Clock, *, rules: Rules, limits: Limits) -> None:
        self.clock = clock
        self.rules = rules
        self.limits = limits
        self.sessions = Sessions()
        self.faults = DiscordFaults()
        self.calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self.fetched: deque[str] = deque(maxlen=KEPT_CALLS)
        self.unhandled: list[str] = []
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.people: dict[int, Person] = {}
        self.files: dict[int, Attachment] = {}
        self.interactions: dict[str, Interaction] = {}
        self.commands: dict[int | None, list[Json]] = {}
        """The application's commands: global ones at None, else by guild."""
        self.origin = "http://127.0.0.1:11502"
        self.version = 0
        self._ids = Snowflakes()
        self._changed = anyio.Event()
        self.application = self.new_id()
        self.bot = Person(self.application, "Trollama", bot=True)
        self.people[self.bot.id] = self.bot

    def new_id(self) -> int:
        """A snowflake of now."""
        return self._ids.at(self.clock.now())

    def now(self) -> str:
        """The moment as Discord writes it."""
        return iso(self.clock.now())

    def changed(self) -> None:
        """Something did; wake whoever waits for it."""
        self.version += 1
        self._changed.set()
        self._changed = anyio.Event()

    async def change(self) -> None:
        """Wait until something changes."""
        await self._changed.wait()

    def hears(self, channel: Channel) -> bool:
        """Whether the bot is told what happens in `channel`."""
        if channel.guild is None:
            return True
        return bool(self.permissions(channel, self.bot) & May.VIEW_CHANNEL)

    def publish(self, event: str, payload: Json | Callable[[Session], Json], needs: Intent) -> None:
        """Tell the bot over its gateway, and everybody who watches."""
        self.sessions.publish(event, payload, needs)
        self.changed()

    def channel(self, channel_id: int) -> Channel:
        """A channel the bot can see. Raises `Refused`."""
        found = self.channels.get(channel_id)
        if found is None:
            raise unknown("Channel")
        return found

    def message(self, channel: Channel, message_id: int) -> Message:
        """A message the bot can see. Raises `Refused`."""
        found = channel.messages.get(message_id)
        if found is None or found.seen_by is not None:
            raise unknown("Message")
        return found

    def person(self, person_id: int) -> Person:
        """A user. Raises `Refused`."""
        if person_id not in self.people:
            raise unknown("User")
        return self.people[person_id]

    def guild(self, guild_id: int) -> Guild:
        """A guild the bot is in. Raises `Refused`."""
        found = self.guilds.get(guild_id)
        if found is None or self.bot.id not in found.members:
            raise unknown("Guild")
        return found

    def own_guilds(self) -> list[Guild]:
        """The guilds the bot is in."""
        return [each for each in self.guilds.values() if self.bot.id in each.members]

    def channels_of(self, guild: Guild) -> list[Channel]:
        """The channels and threads of a guild."""
        return [each for each in self.channels.values() if each.guild == guild.id]

    def permissions(self, channel: Channel, person: Person) -> int:
        """What `person` may do in `channel`, after its roles and what was taken from the bot."""
        if channel.guild is None:
            return int(BOT_PERMISSIONS) | May.USE_APPLICATION_COMMANDS
        guild = self.guilds[channel.guild]
        if person is self.bot and self.bot.id not in guild.members:
            return 0
        granted = guild.roles[guild.id].permissions
        for role in guild.members[person.id].roles if person.id in guild.members else ():
            granted |= guild.roles[role].permissions
        parent = self.channels[channel.parent] if channel.thread and channel.parent else channel
        return granted & ~(parent.denied | channel.denied) if person is self.bot else granted

    def need(self, channel: Channel, *permissions: May) -> None:
        """Raise the refusal the bot gets without these permissions."""
        if channel.guild is None:
            return
        have = self.permissions(channel, self.bot)
        if not have & May.VIEW_CHANNEL:
            raise no_access()
        for permission in permissions:
            if not have & permission:
                raise forbidden()

    def shape(self, message: Message) -> Json:
        """A message as REST answers it."""
        thread = self.channels.get(message.id)
        own = thread if thread is not None and thread.parent == message.channel else None
        return shapes.message(message, origin=self.origin, bot=self.bot.id, thread=own)

    def live(self, message: Message, session: Session) -> Json:
        """A message as a session's events carry it; without the intent its content is empty."""
        body = self.shape(message)
        channel = self.channels[message.channel]
        if channel.guild is not None:
            body["guild_id"] = str(channel.guild)
            member = self.guilds[channel.guild].members.get(message.author.id)
            if member is not None:
                body["member"] = shapes.member(member, with_user=False)
        own = message.author is self.bot or self.bot in message.mentions
        if channel.guild is None or own or session.intents & Intent.MESSAGE_CONTENT:
            return body
        return body | {"content": "", "attachments": [], "embeds": [], "components": []}

    def add_guild(self, name: str, owner: Person) -> Guild:
        """A guild with @everyone, its owner and the bot."""
        guild = Guild(self.new_id(), name, owner.id)
        everyone = BOT_PERMISSIONS | May.USE_APPLICATION_COMMANDS
        guild.roles[guild.id] = Role(guild.id, "@everyone", everyone)
        self.guilds[guild.id] = guild
        for person in (owner, self.bot):
            guild.members[person.id] = Member(person, self.now())
        self.publish("GUILD_CREATE", lambda session: self.live_guild(guild, session), Intent.GUILDS)
        return guild

    def live_guild(self, guild: Guild, session: Session) -> Json:
        """A guild as a session gets it when it connects or is invited."""
        everybody = bool(session.intents & Intent.GUILD_MEMBERS)
        channels = self.channels_of(guild)
        return shapes.live_guild(guild, channels, bot=self.bot.id, everybody=everybody)

    def add_channel(self, guild: Guild, name: str, kind: Kind) -> Channel:
        """A channel or a forum."""
        position = len(self.channels_of(guild))
        channel = Channel(self.new_id(), kind, name, guild.id, position=position)
        self.channels[channel.id] = channel
        self.publish("CHANNEL_CREATE", shapes.channel(channel, bot=self.bot.id), Intent.GUILDS)
        return channel

    def dm_with(self, person: Person) -> Channel:
        """The DM channel of the bot and `person`, made when there is none."""
        for channel in self.channels.values():
            if channel.recipient is person:
                return channel
        channel = Channel(self.new_id(), Kind.DM, person.name, recipient=person)
        self.channels[channel.id] = channel
        return channel
