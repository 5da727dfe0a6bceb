"""How messages, reactions and threads come about, change and go, whoever does it."""

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rehearsal.discord import shapes
from rehearsal.discord.sessions import Intent
from rehearsal.discord.state import State
from rehearsal.discord.world import (
    HAS_THREAD,
    Attachment,
    Channel,
    Json,
    Kind,
    Message,
    Person,
    ThreadState,
    Version,
)

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")


@dataclass(frozen=True, slots=True)
class File:
    """A file to be uploaded."""

    name: str
    content: bytes
    media_type: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new message shall be."""

    content: str = ""
    files: Sequence[File] = ()
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    flags: int = 0
    reply_to: int | None = None
    nonce: str | int | None = None
    allowed: Json | None = None
    """`allowed_mentions`; None lets everything the text names be mentioned."""
    invoked: Json | None = None
    seen_by: int | None = None
    type: int = 0


def post(
    state: State, channel: Channel, author: Person, draft: Draft, *, message_id: int | None = None
) -> Message:
    """Put a message into a channel and tell the bot, unless only one person sees it."""
    replied = None if draft.reply_to is None else channel.messages.get(draft.reply_to)
    content = draft.content.strip()  # as Discord does, whoever writes
    message = Message(
        message_id or state.new_id(),
        channel.id,
        author,
        content,
        state.now(),
        type=draft.type or (19 if draft.reply_to is not None else 0),
        flags=draft.flags,
        embeds=draft.embeds,
        components=draft.components,
        attachments=[_store(state, channel, file) for file in draft.files],
        reply_to=draft.reply_to,
        replied=replied,
        nonce=draft.nonce,
        invoked=draft.invoked,
        seen_by=draft.seen_by,
        versions=[Version(state.clock.monotonic(), content)],
    )
    _mention(state, message, draft.allowed)
    channel.messages[message.id] = message
    if channel.thread is not None:
        channel.thread.said += 1
        channel.thread.members.setdefault(author.id, state.now())  # whoever writes has joined
        if channel.thread.archived and not channel.thread.locked:
            change_thread(state, channel, archived=False)
    if message.seen_by is None:
        tell(state, "MESSAGE_CREATE", message)
    state.changed()
    return message


def _store(state: State, channel: Channel, file: File) -> Attachment:
    guess = file.media_type or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if guess.startswith("text/") and "charset" not in guess:
        guess += "; charset=utf-8"
    name = re.sub(r"[^\w.-]", "_", file.name)
    stored = Attachment(state.new_id(), channel.id, name, guess, file.content, file.description)
    state.files[stored.id] = stored
    return stored


def _mention(state: State, message: Message, allowed: Json | None) -> None:
    """Work out who is mentioned, after `allowed_mentions`."""
    users = {int(each) for each in _USER.findall(message.content)}
    roles = {int(each) for each in _ROLE.findall(message.content)}
    everyone = "@everyone" in message.content or "@here" in message.content
    replied = message.replied
    ping_replied = replied is not None
    if allowed is not None:
        parse = allowed.get("parse") or ()
        named = {int(each) for each in allowed.get("users") or ()}
        users = users if "users" in parse else users & named
        named_roles = {int(each) for each in allowed.get("roles") or ()}
        roles = roles if "roles" in parse else roles & named_roles
        everyone = everyone and "everyone" in parse
        ping_replied = ping_replied and bool(allowed.get("replied_user", False))
    if ping_replied and replied is not None:
        users.add(replied.author.id)
    message.mentions = [state.people[each] for each in sorted(users) if each in state.people]
    message.mention_roles = sorted(roles)
    message.everyone = everyone


def rewrite(
    state: State,
    message: Message,
    *,
    content: str | None = None,
    embeds: list[Json] | None = None,
    components: list[Json] | None = None,
    flags: int | None = None,
    kept: Sequence[int] | None = None,
    files: Sequence[File] = (),
    allowed: Json | None = None,
) -> None:
    """Change what is given of a message; `kept` are the ids of the attachments that stay."""
    if content is not None:
        message.content = content.strip()
        message.versions.append(Version(state.clock.monotonic(), message.content))
        _mention(state, message, allowed)
    if embeds is not None:
        message.embeds = embeds
    if components is not None:
        message.components = components
    if flags is not None:
        message.flags = flags
    if kept is not None:
        message.attachments = [each for each in message.attachments if each.id in kept]
    channel = state.channels[message.channel]
    message.attachments += [_store(state, channel, file) for file in files]
    message.edited = state.now()
    if message.seen_by is None:
        tell(state, "MESSAGE_UPDATE", message)
    state.changed()


def remove(state: State, message: Message) -> None:
    """Delete a message; the stand-in remembers it in `Channel.deleted`."""
    channel = state.channels[message.channel]
    del channel.messages[message.id]
    channel.deleted.append(message)
    for later in channel.messages.values():
        if later.replied is message:
            later.replied = None
    body = {"id": str(message.id), "channel_id": str(channel.id)} | _where(channel)
    if message.seen_by is None and state.hears(channel):
        state.publish("MESSAGE_DELETE", body, _messages(channel))
    state.changed()


def react(state: State, message: Message, person: Person, emoji: str, *, on: bool) -> None:
    """Add or take back a reaction; nothing happens when that is so already."""
    who = message.reactions.setdefault(emoji, [])
    if (person.id in who) is on:
        return
    (who.append if on else who.remove)(person.id)
    if not who:
        del message.reactions[emoji]
    channel = state.channels[message.channel]
    body: Json = {
        "user_id": str(person.id), "channel_id": str(channel.id), "message_id": str(message.id),
        "emoji": {"id": None, "name": emoji}, "burst": False, "type": 0,
    }  # fmt: skip
    body |= _where(channel)
    if on:
        body["message_author_id"] = str(message.author.id)
    if on and channel.guild is not None:
        member = state.guilds[channel.guild].members.get(person.id)
        if member is not None:
            body["member"] = shapes.member(member)
    needs = Intent.DM_REACTIONS if channel.guild is None else Intent.GUILD_REACTIONS
    state.publish(f"MESSAGE_REACTION_{'ADD' if on else 'REMOVE'}", body, needs)


def open_thread(
    state: State,
    parent: Channel,
    name: str,
    owner: Person,
    *,
    message: Message | None = None,
    auto_archive: int = 1440,
) -> Channel:
    """A thread below `parent`, from `message` (then it has its id) or on its own."""
    now = state.now()
    thread_id = state.new_id() if message is None else message.id
    thread = Channel(
        thread_id,
        Kind.THREAD,
        name,
        parent.guild,
        parent.id,
        thread=ThreadState(owner.id, now, now, auto_archive=auto_archive, members={owner.id: now}),
    )
    state.channels[thread.id] = thread
    # A person's thread is none the bot has joined; the event comes all the same.
    body = shapes.channel(thread, bot=state.bot.id) | {"newly_created": True}
    state.publish("THREAD_CREATE", body, Intent.GUILDS)
    if message is not None:
        message.flags |= HAS_THREAD
        tell(state, "MESSAGE_UPDATE", message)
        starter = Message(
            state.new_id(), thread.id, message.author, "", now, type=21,
            reply_to=message.id, replied=message,
        )  # fmt: skip
        thread.messages[starter.id] = starter
    return thread


def change_thread(
    state: State,
    thread: Channel,
    *,
    archived: bool | None = None,
    locked: bool | None = None,
    name: str | None = None,
) -> None:
    """Rename, archive or lock a thread."""
    own = thread.thread
    assert own is not None
    if archived is not None and archived is not own.archived:
        own.archived, own.archived_at = archived, state.now()
    own.locked = own.locked if locked is None else locked
    thread.name = thread.name if name is None else name
    state.publish("THREAD_UPDATE", shapes.channel(thread, bot=state.bot.id), Intent.GUILDS)


def drop_channel(state: State, channel: Channel) -> None:
    """Delete a channel or a thread, and the threads below it."""
    for below in [each for each in state.channels.values() if each.parent == channel.id]:
        drop_channel(state, below)
    del state.channels[channel.id]
    kind = "CHANNEL" if channel.thread is None else "THREAD"
    state.publish(f"{kind}_DELETE", shapes.channel(channel, bot=state.bot.id), Intent.GUILDS)


def tell(state: State, event: str, message: Message) -> None:
    """Tell the bot about a message, in the wording each session may see."""
    channel = state.channels[message.channel]
    if not state.hears(channel):
        state.changed()
        return
    needs = _messages(channel)
    state.publish(event, lambda session: state.live(message, session), needs)


def _messages(channel: Channel) -> Intent:
    return Intent.DM_MESSAGES if channel.guild is None else Intent.GUILD_MESSAGES


def _where(channel: Channel) -> Json:
    return {} if channel.guild is None else {"guild_id": str(channel.guild)}
