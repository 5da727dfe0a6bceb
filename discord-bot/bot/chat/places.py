"""Where answers stand: threads of their own, and short words of the bot itself."""

from typing import Literal

import discord
import structlog

from bot import texts
from bot.chat.delivery import Delivery, Gone, Rejected, Undelivered, nonce_of

log = structlog.get_logger(__name__)
THREAD_ARCHIVES_AFTER_MINUTES: Literal[1440] = 1440
ALREADY_HAS_A_THREAD = 160004
UNKNOWN_MESSAGE = 10008
"""Documentation, Opcodes and Status Codes, JSON error codes, as the one above."""


async def place_for(
    delivery: Delivery, message: discord.Message, *, thread: str | None
) -> int | None:
    """
    The channel of the answer to `message`, in a new thread of that name where that may be.

    None where there is none (any more); who asked is told why.
    """
    here, in_threads = may_write(message)
    if in_threads and thread is not None:
        return await open_thread(delivery, message, thread)
    if here:
        return message.channel.id
    if not message.author.bot:
        place = f"<#{message.channel.id}>"
        await say_privately(delivery, message, texts.MAY_NOT_WRITE.format(place))
    return None


def may_write(message: discord.Message) -> tuple[bool, bool]:
    """Whether we may write where `message` stands, and in threads there, as far as we know."""
    if message.guild is None or isinstance(message.channel, discord.PartialMessageable):
        return True, True
    allowed = message.channel.permissions_for(message.guild.me)
    in_threads = allowed.send_messages_in_threads
    if isinstance(message.channel, discord.Thread):
        return in_threads, in_threads
    return allowed.send_messages, in_threads and allowed.create_public_threads


async def say_privately(delivery: Delivery, message: discord.Message, text: str) -> None:
    """Tell who wrote `message`, because we may not write there."""

    async def call(_: discord.Client) -> None:
        await message.author.send(text)

    try:
        await delivery.call("say_privately", call)
    except (Gone, Undelivered):
        log.info("message.not_sent")


async def open_thread(delivery: Delivery, message: discord.Message, name: str) -> int | None:
    """
    The id of the thread below `message`, or of its channel where we may not open one.

    None: the message is gone.
    """

    async def call(_: discord.Client) -> int | None:
        try:
            thread = await message.create_thread(
                name=name, auto_archive_duration=THREAD_ARCHIVES_AFTER_MINUTES
            )
        except discord.HTTPException as failure:
            if failure.code == ALREADY_HAS_A_THREAD:
                return message.id
            if failure.code == UNKNOWN_MESSAGE:
                return None
            raise
        return thread.id

    try:
        return await delivery.call("open_thread", call)
    except (Gone, Undelivered):
        return message.channel.id


async def say(delivery: Delivery, message: discord.Message, text: str) -> None:
    """Reply to `message`; once, however often this is tried."""
    try:
        await delivery.send(
            message.channel.id,
            text,
            nonce=nonce_of("say", message.id, text),
            reply_to=message.id,
        )
    except (Gone, Rejected, Undelivered):
        log.info("message.not_sent")


async def tell(delivery: Delivery, channel_id: int, text: str, *, moment: float) -> None:
    """A line of small print in that place; `moment` tells it from the same words before."""
    try:
        await delivery.send(channel_id, f"-# 🔗 {text}", nonce=nonce_of("tell", text, moment))
    except (Gone, Rejected, Undelivered):
        log.info("notice.not_sent")
