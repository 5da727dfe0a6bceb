"""Discord's objects as the facts that `ask` decides on."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import discord

from bot.chat.ask import (
    Heard,
    QuestionId,
    Rules,
    Where,
    Who,
    cleaned,
    not_allowed,
    with_quote,
)
from bot.chat.attachments import Offered, sorted_out
from shared.protocol import Ask, AskOptions


@dataclass(frozen=True, slots=True)
class Words:
    """
    What a message asks, and the files that come with it (also those of what it replies to).

    `title` is the text without what it replies to.
    """

    text: str
    title: str
    files: tuple[Offered, ...]


def facts_of(
    message: discord.Message, own: discord.ClientUser, *, joined: Container[int], bots_in_a_row: int
) -> Heard:
    """`joined`: threads in which we have answered."""
    channel = message.channel
    where: Where = "channel"
    place = channel.id
    our_thread = False
    if message.guild is None:
        where = "dm"
    elif isinstance(channel, discord.Thread):
        place = channel.parent_id
        where = "forum" if isinstance(channel.parent, discord.ForumChannel) else "thread"
        our_thread = channel.owner_id == own.id or channel.id in joined or channel.me is not None
    author = message.author
    return Heard(
        where=where,
        channel_id=place,
        guild_id=message.guild.id if message.guild else None,
        author_id=author.id,
        role_ids=_roles(author),
        is_self=author.id == own.id,
        is_bot=author.bot,
        mentions_us=_mentions(message, own.id),
        replies_to_us=_replied(message) is not None and _replied_author(message) == own.id,
        our_thread=our_thread,
        empty=not (message.content.strip() or message.attachments),
        bots_in_a_row=bots_in_a_row,
    )


def may_use(interaction: discord.Interaction[Any], rules: Rules) -> bool:
    """Whether who pressed a button or gave a command there may be answered at all."""
    channel, user = interaction.channel, interaction.user
    place = channel.parent_id if isinstance(channel, discord.Thread) else interaction.channel_id
    who = Who(user.id, _roles(user), interaction.guild_id, place)
    return not_allowed(who, rules) is None


def is_said(message: discord.Message) -> bool:
    """Whether a person wrote it; the rest is Discord's own news ("… joined", "pinned")."""
    return message.type in (discord.MessageType.default, discord.MessageType.reply)


def words_of(message: discord.Message, own_id: int) -> Words:
    """The question: our mention left out, other people by name, what it replies to quoted."""
    names = {one.id: one.display_name for one in message.mentions}
    text = cleaned(message.content, own_id, names)
    role = message.guild.self_role if message.guild else None
    if role is not None:
        text = text.replace(role.mention, "").strip()
    title, files = text, _files(message.attachments)
    replied = _replied(message)
    if replied is not None:
        files += _files(replied.attachments)
        if replied.author.id != own_id:  # what we said ourselves the brain knows
            quoted = cleaned(
                replied.content, own_id, {one.id: one.display_name for one in replied.mentions}
            )
            text = with_quote(text, replied.author.display_name, quoted)
    return Words(text, title, files)


def ask_of(
    message: discord.Message,
    own_id: int,
    question: QuestionId,
    *,
    options: AskOptions | None,
    max_file_size_mb: float,
) -> tuple[Ask, list[str]]:
    """What the brain is asked, and a sentence for each file that does not go along."""
    words = words_of(message, own_id)
    files, complaints = sorted_out(words.files, max_file_size_mb)
    ask = Ask(
        ask_id=str(question),
        user_id=f"discord:{message.author.id}",
        user_name=message.author.display_name[:128],
        conversation_id=f"discord:{question.channel_id}",
        text=words.text or "What is this?",
        attachments=files,
        options=options or AskOptions(),
        surface="discord",
    )
    return ask, complaints


def _roles(user: discord.User | discord.Member) -> set[int]:
    return {role.id for role in user.roles} if isinstance(user, discord.Member) else set()


def _mentions(message: discord.Message, own_id: int) -> bool:
    if any(one.id == own_id for one in message.mentions):
        return True
    role = message.guild.self_role if message.guild else None
    return role is not None and role in message.role_mentions


def _replied(message: discord.Message) -> discord.Message | None:
    if message.type is not discord.MessageType.reply or message.reference is None:
        return None
    resolved: Any = message.reference.resolved
    return resolved if isinstance(resolved, discord.Message) else None


def _replied_author(message: discord.Message) -> int | None:
    replied = _replied(message)
    return replied.author.id if replied else None


def _files(attachments: list[discord.Attachment]) -> tuple[Offered, ...]:
    return tuple(Offered(one.filename, one.content_type, one.size, one.url) for one in attachments)
