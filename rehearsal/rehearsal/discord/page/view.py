"""What the page shows: channels, people and messages, ready to be drawn."""

import re

from rehearsal.discord.page.markdown import render
from rehearsal.discord.state import State
from rehearsal.discord.world import EPHEMERAL, LOADING, Channel, Json, Kind, Message, Person

SHOWN_MESSAGES = 200
TYPING_SECONDS = 10.0


def view(state: State, person: Person, channel: Channel) -> Json:
    """Everything on the page for `person` who looks at `channel`."""
    names = _names(state)
    seen = [each for each in channel.messages.values() if each.seen_by in (None, person.id)]
    return {
        "version": state.version,
        "connected": any(each.line is not None for each in state.sessions.known.values()),
        "unhandled": state.unhandled,
        "bot": state.bot.name,
        "people": [_person(each) for each in state.people.values() if not each.bot],
        "person": _person(person),
        "channels": _channels(state, person),
        "channel": {"id": str(channel.id), "name": channel.name, "kind": int(channel.kind)},
        "messages": [_message(state, each, person, names) for each in seen[-SHOWN_MESSAGES:]],
        "typing": _typing(state, channel),
        "commands": _commands(state, channel),
        "forms": [
            {"token": each.token, "form": each.modal}
            for each in state.interactions.values()
            if each.modal is not None and each.person is person and each.channel is channel
        ][-1:],
    }


def _names(state: State) -> dict[str, str]:
    people = {str(each.id): each.shown for each in state.people.values()}
    return people | {str(each.id): each.name for each in state.channels.values()}


def _person(person: Person) -> Json:
    return {"id": str(person.id), "name": person.shown, "bot": person.bot}


def _channels(state: State, person: Person) -> list[Json]:
    """Channels with their threads behind them, then the person's own DM."""
    state.dm_with(person)
    listed: list[Channel] = []
    for channel in state.channels.values():
        if channel.guild is not None and channel.thread is None:
            listed += [channel, *_threads(state, channel)]
    listed += [each for each in state.channels.values() if each.recipient is person]
    return [
        {
            "id": str(each.id), "kind": int(each.kind), "said": len(each.messages),
            "name": state.bot.name if each.kind is Kind.DM else each.name,
            "guild": "" if each.guild is None else state.guilds[each.guild].name,
            "archived": each.thread is not None and each.thread.archived,
        }
        for each in listed
    ]  # fmt: skip


def _threads(state: State, parent: Channel) -> list[Channel]:
    return [each for each in state.channels.values() if each.parent == parent.id]


def _message(state: State, one: Message, person: Person, names: dict[str, str]) -> Json:
    thread = state.channels.get(one.id)
    return {
        "id": str(one.id), "author": _person(one.author), "at": one.created,
        "text": one.content, "html": render(one.content, names),
        "edited": one.edited if len(one.versions) > 1 else None,
        "hidden": bool(one.flags & EPHEMERAL), "loading": bool(one.flags & LOADING),
        "system": one.type == 21, "mine": one.author is person,
        "pings": person in one.mentions or one.everyone,
        "reply": None if one.replied is None else {
            "name": one.replied.author.shown, "text": _plain(one.replied.content, names)[:120],
        },
        "command": None if one.invoked is None else {
            "name": one.invoked["name"],
            "person": names.get(one.invoked["user"]["id"], ""),
        },
        "files": [
            {"name": each.filename, "size": len(each.content), "type": each.media_type,
             "url": f"/cdn/attachments/{each.channel}/{each.id}/{each.filename}"}
            for each in one.attachments
        ],
        "embeds": [_embed(each, names) for each in one.embeds],
        "reactions": [
            {"emoji": emoji, "count": len(who), "mine": person.id in who}
            for emoji, who in one.reactions.items()
        ],
        "rows": one.components,
        "starter": None if one.type != 21 or one.replied is None else _message(
            state, one.replied, person, names
        ),
        "thread": None if thread is None or thread.id == one.channel else {
            "id": str(thread.id), "name": thread.name, "said": len(thread.messages),
        },
    }  # fmt: skip


def _plain(text: str, names: dict[str, str]) -> str:
    return re.sub(r"<[@#]!?(\d+)>", lambda found: "@" + names.get(found[1], "unknown"), text)


def _embed(embed: Json, names: dict[str, str]) -> Json:
    return {
        "color": embed.get("color"), "title": embed.get("title"),
        "html": render(embed.get("description") or "", names),
        "fields": [
            {"name": each.get("name"), "html": render(str(each.get("value", "")), names)}
            for each in embed.get("fields") or ()
        ],
        "footer": (embed.get("footer") or {}).get("text"),
    }  # fmt: skip


def _typing(state: State, channel: Channel) -> bool:
    """The bot began to type within ten seconds, and has said nothing since."""
    if not channel.typing:
        return False
    began = channel.typing[-1]
    own = [each.versions[0].at for each in channel.messages.values() if each.author is state.bot
           and each.versions]  # fmt: skip
    return state.clock.monotonic() - began < TYPING_SECONDS and not (own and own[-1] > began)


def _commands(state: State, channel: Channel) -> list[Json]:
    listed = [*state.commands.get(channel.guild, []), *state.commands.get(None, [])]
    return [
        {
            "name": each["name"], "description": each["description"],
            "options": [
                {"name": option["name"], "required": bool(option.get("required")),
                 "type": option["type"], "description": option.get("description", ""),
                 "choices": option.get("choices") or []}
                for option in each.get("options") or ()
            ],
        }
        for each in listed
        if each["type"] == 1
    ]  # fmt: skip
