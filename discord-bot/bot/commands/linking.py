"""
`/link`: accounts and conversations.

    /link                    a code that is typed into the website
    /link code:…             a code from the website: names the account, and asks first
    /link conversation:…     this place goes on with a conversation from the browser
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.chat.delivery import Gone, Undelivered
from bot.platform import Maker, Platform, Titled
from shared.errors import BoundaryError, InvalidRequest

if TYPE_CHECKING:
    from bot.commands.cog import Commands

Interaction = discord.Interaction[Any]
MAX_CHOICES = 25
MAX_NAME = 100
"""Characters of a choice (Discord's documentation, Application Command Option Choice)."""

ASK_SECONDS = 600.0
"""How long the question waits: as long as a code is good."""

CONNECTED = "✅ Your account is connected: conversations, budget and files are the same everywhere."
NONE_YET = (
    "⚠️ You have no conversation in the browser yet. If you have an account there, connect it with "
    "`/link` first."
)
NOT_CONNECTED = "Nothing was connected."
NOT_HERE = "⚠️ Use this in a thread of mine or in direct messages."


class NotFound(InvalidRequest):
    """No conversation, or more than one, is called like that."""


def add_link(tree: app_commands.CommandTree, the: "Callable[[], Commands]") -> None:
    """Add the command."""

    @tree.command(description="Connect your account, or this thread with a conversation of yours.")
    @app_commands.describe(
        code="A code from the website; without one you get a code to type there.",
        conversation="A conversation of yours from the browser that goes on here.",
        shared="With a conversation: whether everybody here may read it and ask, too.",
    )
    async def link(
        interaction: Interaction,
        code: str | None = None,
        conversation: str | None = None,
        shared: bool = False,
    ) -> None:
        async def work() -> str:
            if conversation is not None:
                return await _attach(the().platform, interaction, conversation, shared=shared)
            return await _code(the().platform, interaction)

        if code is not None and conversation is None:
            await _ask_first(the(), interaction, code.strip())
        else:
            await the().quietly(interaction, work)

    @link.autocomplete("conversation")
    async def conversations(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        try:
            known = await the().platform.web_conversations(interaction.user.id)
        except BoundaryError:
            return []
        fitting = [one for one in known if typed.lower() in one.title.lower()]
        return [
            app_commands.Choice(name=one.title[:MAX_NAME] or "…", value=one.conversation_id)
            for one in fitting[:MAX_CHOICES]
            if len(one.conversation_id) <= MAX_NAME
        ]


async def _ask_first(commands: "Commands", interaction: Interaction, code: str) -> None:
    """Anybody may have made the code: connect only when this person knows the account."""
    await interaction.response.defer(ephemeral=True)
    try:
        maker = await commands.platform.maker(code, interaction.user.id)
    except BoundaryError as failure:
        await commands.answer(interaction, f"⚠️ {failure.message}")
        return

    async def call(_: discord.Client) -> None:
        view = _Question(commands.platform, code)
        await interaction.edit_original_response(content=question_about(maker), view=view)

    with suppress(Gone, Undelivered):
        await commands.orders.delivery.call("answer", call)


def question_about(maker: Maker) -> str:
    """What a person is asked before this account is connected."""
    name = f"**{discord.utils.escape_markdown(maker.username)}**"
    if maker.display_name != maker.username:
        name += f" ({discord.utils.escape_markdown(maker.display_name)})"
    return (
        f"This code is from the account {name}. Is it yours? Whoever it belongs to gets all your "
        "conversations and files from here, and keeps them. If somebody else gave you the code, "
        "press Cancel."
    )


class _Question(discord.ui.View):
    """Connect, or not. Forgotten by a restart, after which `/link code:` asks again."""

    def __init__(self, platform: Platform, code: str) -> None:
        super().__init__(timeout=ASK_SECONDS)
        self._platform = platform
        self._code = code

    @discord.ui.button(label="Connect", style=discord.ButtonStyle.primary)
    async def connect(self, press: Interaction, _: "discord.ui.Button[_Question]") -> None:
        self.stop()
        await press.response.defer()
        try:
            await self._platform.link(self._code, press.user.id, press.user.display_name)
        except BoundaryError as failure:
            said = f"⚠️ {failure.message}"
        else:
            said = CONNECTED
        await press.edit_original_response(content=said, view=None)

    @discord.ui.button(label="Cancel", style=discord.ButtonStyle.secondary)
    async def cancel(self, press: Interaction, _: "discord.ui.Button[_Question]") -> None:
        self.stop()
        await press.response.edit_message(content=NOT_CONNECTED, view=None)


async def _code(platform: Platform, interaction: Interaction) -> str:
    user = interaction.user
    made, seconds = await platform.proof(user.id, user.display_name)
    return (
        f"Your code is `{made}`. Sign in on the website, open **Account**, and type it below "
        f"**The bot gave you a code?** within {seconds // 60} minutes. Show it to nobody.\n"
        "It works the other way round, too: the website gives you a code for `/link code:`."
    )


async def _attach(
    platform: Platform, interaction: Interaction, wanted: str, *, shared: bool
) -> str:
    channel_id = interaction.channel_id
    private = interaction.guild_id is None
    if channel_id is None or not (private or isinstance(interaction.channel, discord.Thread)):
        return NOT_HERE
    known = await platform.web_conversations(interaction.user.id)
    if not known:
        return NONE_YET
    one = chosen(known, wanted)
    await platform.attach(one.conversation_id, interaction.user.id, channel_id, shared=shared)
    who = "Everybody here may read it and ask." if shared else "Only you may ask here."
    return f"✅ **{one.title or 'Your conversation'}** goes on here. {who} `/close` ends that."


def chosen(known: Sequence[Titled], wanted: str) -> Titled:
    """The conversation with this id or title, or the only one whose title has it in it."""
    words = wanted.strip().lower()
    for one in known:
        if wanted == one.conversation_id:
            return one
    for fits in (
        [one for one in known if one.title.lower() == words],
        [one for one in known if words in one.title.lower()],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            titles = ", ".join(f"“{one.title}”" for one in fits[:3])
            raise NotFound(f"Several of your conversations fit: {titles} … Choose from the list.")
    raise NotFound("None of your conversations in the browser is called like that.")
