"""How a person's use of a command, a button, a menu or a form reaches the bot.

Source: Discord's documentation, "Interaction object"; fields as discord.py 2.7 reads them.
"""

from collections.abc import Mapping, Sequence
from secrets import token_urlsafe
from typing import Any

from rehearsal.discord import shapes
from rehearsal.discord.sessions import Session
from rehearsal.discord.state import State
from rehearsal.discord.world import Channel, Interaction, Json, Message, Person

COMMAND, COMPONENT, AUTOCOMPLETE, FORM = 2, 3, 4, 5


class NotThere(LookupError):
    """A person wants to use what is not there: a command, a button."""


def find_command(state: State, channel: Channel, name: str) -> Json:
    """The registered command `name`, the guild's before the global one. Raises `NotThere`."""
    listed = [*state.commands.get(channel.guild, []), *state.commands.get(None, [])]
    for command in listed:
        if command["name"] == name and command["type"] == 1:
            return command
    known = ", ".join(sorted({each["name"] for each in listed})) or "none"
    raise NotThere(f"No command {name!r} is registered here; there are: {known}.")


def options_of(command: Json, given: Mapping[str, Any]) -> list[Json]:
    """What was filled in, with the types the command declares. Raises `NotThere`."""
    declared = {each["name"]: each for each in command.get("options") or ()}
    for name in given:
        if name not in declared:
            raise NotThere(f"The command {command['name']!r} has no option {name!r}.")
    for name, option in declared.items():
        if option.get("required") and name not in given:
            raise NotThere(f"The command {command['name']!r} needs the option {name!r}.")
    return [
        {"name": name, "type": declared[name]["type"], "value": value}
        for name, value in given.items()
    ]


def find_component(message: Message, wanted: str) -> Json:
    """The button or menu whose id or label is `wanted`. Raises `NotThere`."""
    parts = list(_parts(message.components))
    for part in parts:
        if wanted in (part.get("custom_id"), part.get("label")) and "custom_id" in part:
            if part.get("disabled"):
                raise NotThere(f"{wanted!r} is disabled.")
            return part
    emoji = [each for each in parts if (each.get("emoji") or {}).get("name") == wanted]
    if emoji:
        return emoji[0]
    labels = ", ".join(str(each.get("label") or each.get("custom_id")) for each in parts)
    raise NotThere(f"The message has no button {wanted!r}; there are: {labels or 'none'}.")


def _parts(rows: Sequence[Json]) -> list[Json]:
    found: list[Json] = []
    for row in rows:
        if "custom_id" in row or row.get("type") == 2:
            found.append(row)
        found += _parts(row.get("components") or [])
        if row.get("accessory"):
            found += _parts([row["accessory"]])
    return found


def interact(
    state: State,
    person: Person,
    channel: Channel,
    kind: int,
    data: Json,
    *,
    message: Message | None = None,
) -> Interaction:
    """Make an interaction, keep it under its token, and tell every session of the bot."""
    interaction = Interaction(
        state.new_id(), token_urlsafe(32), kind, person, channel, data,
        state.clock.monotonic(), message,
    )  # fmt: skip
    state.interactions[interaction.token] = interaction
    body = _payload(state, interaction)

    def as_seen(session: Session) -> Json:
        return body if message is None else body | {"message": state.live(message, session)}

    state.sessions.publish_always("INTERACTION_CREATE", as_seen)
    state.changed()
    return interaction


def _payload(state: State, interaction: Interaction) -> Json:
    channel, person = interaction.channel, interaction.person
    allowed = str(int(state.permissions(channel, person)))
    body: Json = {
        "id": str(interaction.id), "application_id": str(state.application),
        "type": interaction.kind, "token": interaction.token, "version": 1,
        "data": interaction.data, "channel_id": str(channel.id),
        "channel": shapes.channel(channel, bot=state.bot.id) | {"permissions": allowed},
        "attachment_size_limit": state.rules.largest_file, "locale": "en-US",
        "entitlements": [], "entitlement_sku_ids": [],
        "app_permissions": str(int(state.permissions(channel, state.bot))),
        "authorizing_integration_owners": {"0": str(channel.guild or 0)},
        "context": 1 if channel.guild is None else 0,
    }  # fmt: skip
    if channel.guild is None:
        return body | {"user": shapes.user(person)}
    guild = state.guilds[channel.guild]
    member = shapes.member(guild.members[person.id]) | {"permissions": allowed}
    return body | {
        "guild_id": str(guild.id), "member": member, "guild_locale": "en-US",
        "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
    }  # fmt: skip
