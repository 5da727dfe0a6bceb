"""The slash commands. Each answers its interaction; what takes long ends as a message."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import anyio
import discord
import structlog
from discord import app_commands

from bot import texts
from bot.chat.cog import Chat
from bot.chat.delivery import Gone, Undelivered
from bot.chat.hearing import may_use
from bot.commands.linking import add_link
from bot.commands.orders import Orders, order_id
from bot.commands.words import budget_lines, status_lines
from bot.platform import Platform
from bot.texts import of_failed
from shared.errors import BoundaryError
from shared.protocol import Close, Done, Failed, Reset, Summarize

log = structlog.get_logger(__name__)
TOKEN_SECONDS = 14 * 60.0
"""An interaction's token ends after 15 minutes (Discord's documentation, Followup Messages)."""

REST_SECONDS = 10.0
"""How long a thread stays open for the ends of answers in it."""

MAX_CHOICES = 25
FOR_ALL = frozenset({"cancel", "forget", "status", "maintenance", "why"})
"""Commands whose use no setting may take away: they cost nothing, and those for operators ask who
gives them. Nobody needs leave to have their data deleted."""

Interaction = discord.Interaction[Any]


@dataclass(frozen=True, slots=True)
class Commands:
    """What the commands work with."""

    chat: Chat
    orders: Orders
    platform: Platform

    async def order(
        self, interaction: Interaction, kind: type[Reset] | type[Summarize] | type[Close]
    ) -> Done | Failed | None:
        """Pass it on and show its end."""
        channel_id = interaction.channel_id
        if channel_id is None:
            return None
        await interaction.response.defer()
        order = kind(
            ask_id=order_id(channel_id, interaction.id),
            conversation_id=f"discord:{channel_id}",
            user_id=f"discord:{interaction.user.id}",
        )
        end = await self.orders.carry_out(order, patience_seconds=TOKEN_SECONDS)
        if end is None:
            await self.answer(interaction, texts.TAKES_LONGER)
            return None
        if await self.answer(interaction, end.text if isinstance(end, Done) else of_failed(end)):
            self.orders.shown(order.ask_id)
        else:
            await self.orders.say(end, channel_id)
        return end

    async def quietly(
        self, interaction: Interaction, work: Callable[[], Awaitable[str]], *, admin: bool = False
    ) -> None:
        """Answer with what `work` returns, seen by this person alone."""
        await interaction.response.defer(ephemeral=True)
        try:
            if admin and not await self.platform.is_admin(interaction.user.id):
                text = f"🚫 {texts.NOT_ALLOWED}"
            else:
                text = await work()
        except BoundaryError as failure:
            text = f"⚠️ {failure.message}"
        await self.answer(interaction, text)

    async def answer(self, interaction: Interaction, text: str) -> bool:
        """Put `text` where "thinking…" stands; False when that is no longer possible."""

        async def call(_: discord.Client) -> None:
            await interaction.edit_original_response(content=text[:2000])

        try:
            await self.orders.delivery.call("answer", call)
        except (Gone, Undelivered):
            return False
        return True

    async def apologize(self, interaction: Interaction) -> None:
        """A command broke; whoever used it is not left waiting."""
        if not interaction.response.is_done():
            with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
                await interaction.response.send_message(texts.BROKE, ephemeral=True)
                return
        await self.answer(interaction, texts.BROKE)


class _Tree(app_commands.CommandTree):
    """The commands, for those who may use the bot."""

    commands: Commands | None = None

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Whether the command goes on; who is kept out is told so."""
        name = str(dict(interaction.data or {}).get("name"))
        assert self.commands is not None
        if name in FOR_ALL or may_use(interaction, self.commands.chat.rules):
            return True
        if interaction.type is discord.InteractionType.application_command:
            await interaction.response.send_message(texts.NOT_HERE, ephemeral=True)
        return False


def command_tree(client: discord.Client, commands: Commands | None) -> app_commands.CommandTree:
    """All commands; without `commands` only their descriptions, to be synced."""
    tree = _Tree(client)
    tree.commands = commands

    def the() -> Commands:
        assert commands is not None
        return commands

    _for_conversations(tree, the)
    _for_people(tree, the)
    _for_operators(tree, the)

    @tree.error
    async def failed(interaction: Interaction, error: app_commands.AppCommandError) -> None:
        name = interaction.command.name if interaction.command else None
        log.error("command.failed", command=name, exc_info=error)
        await the().apologize(interaction)

    return tree


def _for_conversations(tree: app_commands.CommandTree, the: Callable[[], Commands]) -> None:
    @tree.command(description="Forget what was said here; the thread stays.")
    async def reset(interaction: Interaction) -> None:
        await the().order(interaction, Reset)

    @tree.command(description="Shorten what was said here.")
    async def summarize(interaction: Interaction) -> None:
        await the().order(interaction, Summarize)

    @tree.command(description="Forget what was said here and close the thread.")
    async def close(interaction: Interaction) -> None:
        chat = the().chat
        chat.cancel_all(interaction.user.id, interaction.channel_id or 0)
        end = await the().order(interaction, Close)
        with anyio.move_on_after(REST_SECONDS):
            await chat.rest_in(interaction.channel_id or 0)  # nothing can be edited afterwards
        if isinstance(end, Done) and isinstance(interaction.channel, discord.Thread):
            try:
                await interaction.channel.edit(archived=True)
            except discord.HTTPException as refusal:
                log.info("thread.not_closed", code=refusal.code)

    @tree.command(description="Stop your question here.")
    async def cancel(interaction: Interaction) -> None:
        channel_id = interaction.channel_id or 0
        stopped = the().chat.cancel_newest(interaction.user.id, channel_id)
        text = texts.CANCELLING if stopped else texts.NOTHING_TO_CANCEL
        await interaction.response.send_message(text, ephemeral=True)


def _for_people(tree: app_commands.CommandTree, the: Callable[[], Commands]) -> None:
    @tree.command(name="help", description="What I can do.")
    async def help_(interaction: Interaction) -> None:
        await interaction.response.send_message(texts.HELP, ephemeral=True)

    _choosing_a_model(tree, the)

    @tree.command(description="Your tokens this week.")
    async def budget(interaction: Interaction) -> None:
        async def work() -> str:
            return budget_lines(await the().platform.person(interaction.user.id))

        await the().quietly(interaction, work)

    add_link(tree, the)

    @tree.command(description="Delete everything that is kept about you. There is no way back.")
    async def forget(interaction: Interaction, sure: Literal["yes, delete everything"]) -> None:
        async def work() -> str:
            await the().platform.forget(interaction.user.id)
            return "✅ Everything that was kept about you is deleted."

        await the().quietly(interaction, work)


def _choosing_a_model(tree: app_commands.CommandTree, the: Callable[[], Commands]) -> None:
    @tree.command(description="Choose who answers your questions; auto chooses for each.")
    async def model(interaction: Interaction, name: str) -> None:
        async def work() -> str:
            chosen = None if name == "auto" else name
            if chosen is not None and chosen not in await the().platform.models():
                return f"⚠️ Model not available: {name}"
            await the().platform.choose_model(interaction.user.id, chosen)
            return f"{chosen or 'A model chosen for each question'} answers you from now on."

        await the().quietly(interaction, work)

    @model.autocomplete("name")
    async def names(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        try:
            known = await the().platform.models()
        except BoundaryError:
            known = []
        fitting = [name for name in ["auto", *known] if typed.lower() in name.lower()]
        return [app_commands.Choice(name=name, value=name) for name in fitting[:MAX_CHOICES]]


def _for_operators(tree: app_commands.CommandTree, the: Callable[[], Commands]) -> None:
    @tree.command(description="Operators: how Trollama is.")
    async def status(interaction: Interaction) -> None:
        async def work() -> str:
            return status_lines(*await the().platform.status())

        await the().quietly(interaction, work, admin=True)

    @tree.command(description="Operators: begin or end maintenance.")
    async def maintenance(
        interaction: Interaction, mode: Literal["soft", "hard"], on: Literal["on", "off"]
    ) -> None:
        async def work() -> str:
            now = await the().platform.maintain(mode, enabled=on == "on")
            return " · ".join(f"{name}: {'on' if is_on else 'off'}" for name, is_on in now.items())

        await the().quietly(interaction, work, admin=True)

    @tree.command(description="Operators: why I did, or did not, answer the last message here.")
    async def why(interaction: Interaction) -> None:
        async def work() -> str:
            return _why(the().chat, interaction)

        await the().quietly(interaction, work, admin=True)


def _why(chat: Chat, interaction: Interaction) -> str:
    decision = chat.decision_in(interaction.channel_id or 0)
    if decision is None:
        said = "I have seen no message here since I started."
    elif decision.does == "ignore":
        said = f"I did not answer the last message here: {decision.because}."
    else:
        said = f"I answered the last message here: {decision.because}."
    brain = "connected" if chat.link.connected else "not reachable"
    lacking = _lacking(interaction.app_permissions)
    return f"{said}\nThe brain is {brain}; {chat.running} questions are open.{lacking}"


def _lacking(mine: discord.Permissions) -> str:
    wanted = {
        "send_messages": mine.send_messages,
        "send_messages_in_threads": mine.send_messages_in_threads,
        "create_public_threads": mine.create_public_threads,
        "attach_files": mine.attach_files,
        "read_message_history": mine.read_message_history,
    }
    missing = [name for name, there in wanted.items() if not there]
    return f"\nI lack permissions here: {', '.join(missing)}." if missing else ""
