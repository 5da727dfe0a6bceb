"""The objects of Discord's API version 10, with every field discord.py 2.7 reads unasked.

Source: Discord's documentation, resources "Channel", "Guild", "Message", "User".
"""

from rehearsal.discord.world import (
    Attachment,
    Channel,
    Guild,
    Json,
    Kind,
    Member,
    Message,
    Person,
    Role,
)


def user(person: Person) -> Json:
    """A user object."""
    return {
        "id": str(person.id), "username": person.name, "discriminator": "0",
        "global_name": person.display, "avatar": None, "bot": person.bot, "system": False,
        "public_flags": 0, "flags": 0,
    }  # fmt: skip


def member(one: Member, *, with_user: bool = True) -> Json:
    """A guild member object; inside a message it has no user."""
    body: Json = {
        "roles": [str(role) for role in one.roles], "nick": one.nick, "avatar": None,
        "joined_at": one.joined, "premium_since": None, "deaf": False, "mute": False,
        "flags": 0, "pending": False, "communication_disabled_until": None,
    }  # fmt: skip
    return body | {"user": user(one.person)} if with_user else body


def role(one: Role, position: int = 0) -> Json:
    """A role object."""
    return {
        "id": str(one.id), "name": one.name, "permissions": str(int(one.permissions)),
        "position": position, "color": 0, "hoist": False, "managed": False, "mentionable": False,
        "icon": None, "unicode_emoji": None, "flags": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
    }  # fmt: skip


def attachment(one: Attachment, origin: str) -> Json:
    """An attachment object; its file is served below `origin`."""
    url = f"{origin}/cdn/attachments/{one.channel}/{one.id}/{one.filename}"
    body: Json = {
        "id": str(one.id), "filename": one.filename, "size": len(one.content),
        "url": url, "proxy_url": url, "content_type": one.media_type, "flags": 0,
    }  # fmt: skip
    return body if one.description is None else body | {"description": one.description}


def message(one: Message, *, origin: str, bot: int, thread: Channel | None = None) -> Json:
    """A message object as the bot with the id `bot` gets it over REST."""
    body: Json = {
        "id": str(one.id), "type": one.type, "content": one.content,
        "channel_id": str(one.channel), "author": user(one.author),
        "attachments": [attachment(each, origin) for each in one.attachments],
        "embeds": one.embeds, "timestamp": one.created, "edited_timestamp": one.edited,
        "pinned": False, "mention_everyone": one.everyone, "tts": False,
        "mentions": [user(each) for each in one.mentions],
        "mention_roles": [str(each) for each in one.mention_roles],
        "components": one.components, "flags": one.flags,
    }  # fmt: skip
    if one.reactions:
        body["reactions"] = [reaction(emoji, who, bot) for emoji, who in one.reactions.items()]
    if one.reply_to is not None:
        body["message_reference"] = {
            "type": 0, "message_id": str(one.reply_to), "channel_id": str(one.channel),
        }  # fmt: skip
        replied = one.replied
        body["referenced_message"] = (
            None if replied is None else message(replied, origin=origin, bot=bot)
        )
    if one.nonce is not None:
        body["nonce"] = one.nonce
    if one.invoked is not None:
        body["interaction_metadata"] = one.invoked
    if thread is not None:
        body["thread"] = channel(thread, bot=bot)
    return body


def reaction(emoji: str, who: list[int], bot: int) -> Json:
    """A reaction object."""
    return {
        "emoji": {"id": None, "name": emoji}, "count": len(who), "me": bot in who,
        "me_burst": False, "burst_colors": [], "count_details": {"burst": 0, "normal": len(who)},
    }  # fmt: skip


def channel(one: Channel, *, bot: int) -> Json:
    """A channel object: text, forum, thread or DM."""
    last = str(next(reversed(one.messages))) if one.messages else None
    body: Json = {"id": str(one.id), "type": int(one.kind), "flags": 0, "last_message_id": last}
    if one.kind is Kind.DM:
        assert one.recipient is not None
        return body | {"recipients": [user(one.recipient)]}
    body |= {"guild_id": str(one.guild), "name": one.name, "rate_limit_per_user": 0}
    if one.thread is not None:
        return body | _thread(one, bot)
    denied = {"id": str(bot), "type": 1, "allow": "0", "deny": str(int(one.denied))}
    body |= {
        "position": one.position, "topic": one.topic, "nsfw": False,
        "parent_id": None if one.parent is None else str(one.parent),
        "permission_overwrites": [denied] if one.denied else [],
    }  # fmt: skip
    if one.kind is Kind.FORUM:
        body |= {
            "available_tags": [], "default_reaction_emoji": None, "default_sort_order": None,
            "default_forum_layout": 0, "default_thread_rate_limit_per_user": 0, "template": "",
        }  # fmt: skip
    return body


def _thread(one: Channel, bot: int) -> Json:
    state = one.thread
    assert state is not None
    body: Json = {
        "parent_id": str(one.parent), "owner_id": str(state.owner),
        "message_count": state.said, "total_message_sent": state.said,
        "member_count": min(len(state.members), 50), "applied_tags": state.tags,
        "thread_metadata": {
            "archived": state.archived, "auto_archive_duration": state.auto_archive,
            "archive_timestamp": state.archived_at, "locked": state.locked,
            "create_timestamp": state.created,
        },
    }  # fmt: skip
    if bot in state.members:
        body["member"] = thread_member(one, bot)
    return body


def thread_member(one: Channel, person: int) -> Json:
    """A thread member object."""
    assert one.thread is not None
    return {
        "id": str(one.id), "user_id": str(person),
        "join_timestamp": one.thread.members[person], "flags": 0,
    }  # fmt: skip


def guild(one: Guild) -> Json:
    """A guild object as `GET /guilds/{id}` answers; the gateway adds what is live."""
    return {
        "id": str(one.id), "name": one.name, "owner_id": str(one.owner), "icon": None,
        "splash": None, "discovery_splash": None, "afk_channel_id": None, "afk_timeout": 300,
        "verification_level": 0, "default_message_notifications": 1,
        "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0, "premium_tier": 0,
        "premium_subscription_count": 0, "preferred_locale": "en-US", "features": [],
        "system_channel_id": None, "system_channel_flags": 0, "rules_channel_id": None,
        "public_updates_channel_id": None, "safety_alerts_channel_id": None,
        "application_id": None, "vanity_url_code": None, "description": None, "banner": None,
        "premium_progress_bar_enabled": False, "max_members": 500000, "max_presences": None,
        "emojis": [], "stickers": [],
        "roles": [role(each, position) for position, each in enumerate(one.roles.values())],
    }  # fmt: skip


def live_guild(one: Guild, channels: list[Channel], *, bot: int, everybody: bool) -> Json:
    """The GUILD_CREATE object; without the members intent only the bot is listed."""
    listed = [each for each in one.members.values() if everybody or each.person.id == bot]
    return guild(one) | {
        "joined_at": one.members[bot].joined, "large": False, "unavailable": False,
        "member_count": len(one.members), "members": [member(each) for each in listed],
        "channels": [channel(each, bot=bot) for each in channels if each.thread is None],
        "threads": [
            channel(each, bot=bot)
            for each in channels
            if each.thread is not None and not each.thread.archived
        ],
        "presences": [], "voice_states": [], "stage_instances": [],
        "guild_scheduled_events": [], "soundboard_sounds": [],
    }  # fmt: skip
