"""The stand-in Discord as a test or the page uses it: acting as people, and breaking things."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio

from rehearsal.discord import shapes
from rehearsal.discord.acting import (
    COMMAND,
    COMPONENT,
    FORM,
    NotThere,
    find_command,
    find_component,
    interact,
    options_of,
)
from rehearsal.discord.faults import DiscordFaults
from rehearsal.discord.limits import Limits
from rehearsal.discord.sessions import Intent
from rehearsal.discord.state import Call, Rules, State
from rehearsal.discord.world import (
    Channel,
    Guild,
    Interaction,
    Kind,
    May,
    Member,
    Message,
    Person,
    Role,
)
from rehearsal.discord.writing import (
    Draft,
    File,
    drop_channel,
    open_thread,
    post,
    react,
    remove,
    rewrite,
)
from shared.clock import Clock, SystemClock


class Discord:
    """
    A Discord with one bot, a guild and a few people; `rules` and `limits` may be changed any time.

    It begins with the guild "Rehearsal", the channels `general` and `lab`, the forum `ideas`, and
    the people `ada`, `grace` and `linus`. Everything is kept in memory.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        rules: Rules | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.state = State(
            clock or SystemClock(), rules=rules or Rules(), limits=limits or Limits()
        )
        self.ada = self.add_person("ada", display="Ada")
        self.guild = self.add_guild("Rehearsal", self.ada)
        self.grace = self.add_person("grace", display="Grace")
        self.linus = self.add_person("linus", display="Linus")
        self.general = self.add_channel("general")
        self.lab = self.add_channel("lab")
        self.ideas = self.add_channel("ideas", kind=Kind.FORUM)

    @property
    def bot(self) -> Person:
        """The bot's user."""
        return self.state.bot

    @property
    def token(self) -> str:
        """What the bot signs in with."""
        return self.state.rules.token

    @property
    def faults(self) -> DiscordFaults:
        """What shall go wrong at the REST door."""
        return self.state.faults

    @property
    def calls(self) -> Sequence[Call]:
        """The REST requests so far, the last 20,000."""
        return list(self.state.calls)

    @property
    def fetched(self) -> Sequence[str]:
        """The names of the files that were read from the CDN, the last 20,000."""
        return list(self.state.fetched)

    @property
    def unhandled(self) -> list[str]:
        """`METHOD path` of requests the stand-in knows nothing of; a test should find none."""
        return self.state.unhandled

    def add_person(self, name: str, *, display: str | None = None, bot: bool = False) -> Person:
        """A person, or another bot, in every guild there is."""
        person = Person(self.state.new_id(), name, bot, display)
        self.state.people[person.id] = person
        for guild in self.state.guilds.values():
            guild.members[person.id] = Member(person, self.state.now())
        return person

    def add_guild(self, name: str, owner: Person) -> Guild:
        """A guild the bot is invited to."""
        return self.state.add_guild(name, owner)

    def add_role(self, name: str, *people: Person) -> Role:
        """A role of the guild, without permissions of its own, for these people."""
        role = Role(self.state.new_id(), name, 0)
        self.guild.roles[role.id] = role
        for person in people:
            self.guild.members[person.id].roles.append(role.id)
        body = {"guild_id": str(self.guild.id), "role": shapes.role(role)}
        self.state.publish("GUILD_ROLE_CREATE", body, Intent.GUILDS)
        return role

    def add_channel(
        self, name: str, *, kind: Kind = Kind.TEXT, guild: Guild | None = None
    ) -> Channel:
        """A channel or a forum."""
        return self.state.add_channel(guild or self.guild, name, kind)

    def say(
        self,
        person: Person,
        channel: Channel,
        text: str,
        *,
        files: Sequence[File] = (),
        reply_to: Message | None = None,
    ) -> Message:
        """A person writes; `@name` of somebody who exists becomes a mention."""
        reply = None if reply_to is None else reply_to.id
        return post(self.state, channel, person, Draft(self._named(text), files, reply_to=reply))

    def edit(self, message: Message, text: str) -> None:
        """The author changes a message."""
        rewrite(self.state, message, content=self._named(text))

    def delete(self, message: Message) -> None:
        """The author deletes a message."""
        remove(self.state, message)

    def remove_channel(self, channel: Channel) -> None:
        """Somebody deletes a channel or a thread, and everything in it."""
        drop_channel(self.state, channel)

    def deny(self, channel: Channel, *permissions: May) -> None:
        """Take these permissions from the bot in `channel` and its threads; none gives all back."""
        channel.denied = sum(permissions)
        body = shapes.channel(channel, bot=self.bot.id)
        self.state.publish("CHANNEL_UPDATE", body, Intent.GUILDS)

    def kick_bot(self, guild: Guild) -> None:
        """The bot is thrown out of `guild`."""
        del guild.members[self.bot.id]
        self.state.publish("GUILD_DELETE", {"id": str(guild.id)}, Intent.GUILDS)

    def react(self, person: Person, message: Message, emoji: str, *, on: bool = True) -> None:
        """A person reacts, or takes it back."""
        react(self.state, message, person, emoji, on=on)

    def dm(self, person: Person, text: str, *, files: Sequence[File] = ()) -> Message:
        """A person writes to the bot alone; the channel is `dm_channel(person)`."""
        return self.say(person, self.dm_channel(person), text, files=files)

    def dm_channel(self, person: Person) -> Channel:
        """The channel of the bot and a person."""
        return self.state.dm_with(person)

    def start_thread(
        self, person: Person, parent: Channel, name: str, text: str | None = None
    ) -> Channel:
        """A person opens a thread, in a forum with its first message `text`."""
        thread = open_thread(self.state, parent, name, person)
        if text is not None:
            first = thread.id if parent.kind is Kind.FORUM else None
            post(self.state, thread, person, Draft(self._named(text)), message_id=first)
        return thread

    def slash(
        self,
        person: Person,
        channel: Channel,
        command: str,
        options: Mapping[str, Any] | None = None,
    ) -> Interaction:
        """A person uses a registered command. Raises `NotThere`."""
        found = find_command(self.state, channel, command)
        data = {
            "id": found["id"], "name": command, "type": 1,
            "options": options_of(found, options or {}),
        }  # fmt: skip
        return interact(self.state, person, channel, COMMAND, data)

    def press(
        self, person: Person, message: Message, button: str, *, values: Sequence[str] = ()
    ) -> Interaction:
        """A person presses a button (its id, label or emoji) or chooses `values` in a menu."""
        part = find_component(message, button)
        data = {"custom_id": part["custom_id"], "component_type": part["type"]}
        if part["type"] != 2:
            data["values"] = list(values)
        channel = self.state.channels[message.channel]
        return interact(self.state, person, channel, COMPONENT, data, message=message)

    def fill_in(self, interaction: Interaction, values: Mapping[str, str]) -> Interaction:
        """A person sends the form an interaction was answered with. Raises `NotThere`."""
        form = interaction.modal
        if form is None:
            raise NotThere("No form was shown.")
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": name, "value": value}]}
            for name, value in values.items()
        ]
        data = {"custom_id": form["custom_id"], "components": rows}
        return interact(
            self.state, interaction.person, interaction.channel, FORM, data,
            message=interaction.message,
        )  # fmt: skip

    def messages(self, channel: Channel, *, by: Person | None = None) -> list[Message]:
        """The messages there are, oldest first, hidden ones and thread starters left out."""
        return [
            each
            for each in channel.messages.values()
            if each.seen_by is None and each.type != 21 and by in (None, each.author)
        ]

    def threads(self, parent: Channel) -> list[Channel]:
        """The threads below a channel, oldest first."""
        return [each for each in self.state.channels.values() if each.parent == parent.id]

    @property
    def connected(self) -> bool:
        """Whether the bot has a session with an open connection."""
        return any(each.line is not None for each in self.state.sessions.known.values())

    async def until(self, true: Callable[[], object], *, seconds: float = 5.0) -> None:
        """
        Wait until `true()`, looked at after every change and every 10 ms; raises `TimeoutError`.

        It may ask about the bot, too, which acts a moment after it was told.
        """
        with anyio.fail_after(seconds):
            while not true():
                with anyio.move_on_after(0.01):
                    await self.state.change()

    def drop_gateway(self, code: int = 0) -> None:
        """End the bot's connections with a close code; 0 breaks the wire."""
        for line in list(self.state.sessions.lines):
            line.hang_up(code)

    def ask_reconnect(self) -> None:
        """Op 7: the bot shall connect again and resume."""
        for line in list(self.state.sessions.lines):
            line.send({"op": 7, "t": None, "s": None, "d": None})

    def invalidate(self, *, resumable: bool) -> None:
        """Op 9: the session is invalid; one that is not resumable is forgotten."""
        sessions = self.state.sessions
        for line in list(sessions.lines):
            line.send({"op": 9, "t": None, "s": None, "d": resumable})
            if not resumable and line.session is not None:
                sessions.forget(line.session)

    def forget_sessions(self) -> None:
        """Nobody can resume; the connections stay until they are dropped."""
        self.state.sessions.known.clear()

    def fall_silent(self) -> None:
        """The connections there are stay open, and nothing comes over them any more."""
        for line in self.state.sessions.lines:
            line.silent = True

    def _named(self, text: str) -> str:
        people = {each.name.lower(): each for each in self.state.people.values()}
        people |= {each.shown.lower(): each for each in self.state.people.values()}

        def mention(found: re.Match[str]) -> str:
            person = people.get(found[1].lower())
            return found[0] if person is None else f"<@{person.id}>"

        return re.sub(r"(?<![\w<])@(\w+)", mention, text)
