"""What happens in Discord, passed on to those whose business it is."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog
from anyio.abc import TaskGroup

from bot import texts
from bot.catching_up import CatchUp
from bot.chat import buttons
from bot.chat.ask import QuestionId, parse_question_id
from bot.chat.cog import Chat
from bot.chat.delivery import Delivery, Gone, Undelivered
from bot.chat.hearing import may_use
from bot.client import BotClient
from bot.memory import Memory
from bot.platform import Platform, Verdict
from shared.clock import Clock
from shared.errors import BoundaryError
from shared.protocol import AskOptions

log = structlog.get_logger(__name__)
THUMBS: dict[str, Verdict] = {"👍": "good", "👎": "bad"}
VOTE_PAUSES_SECONDS = (2.0, 10.0, 60.0)
"""A brain that restarts shall not cost a vote."""


@dataclass(slots=True)
class Listener:
    """The ears of every client, one after another."""

    chat: Chat
    delivery: Delivery
    platform: Platform
    memory: Memory
    catch_up: CatchUp
    clock: Clock
    tasks: TaskGroup
    _synced: bool = False

    async def ready(self, client: BotClient) -> None:
        """Signed in: messages go this way now, and people find our commands."""
        self.delivery.use(client)
        if not self._synced:
            self.tasks.start_soon(self._sync, client)

    async def _sync(self, client: BotClient) -> None:
        """Discord may let it wait for minutes, during which everything else goes on."""
        try:
            await client.tree.sync()
        except discord.HTTPException as refusal:
            log.warning("commands.not_synced", code=refusal.code)
        except Exception:  # the next life of the client tries again
            log.exception("commands.not_synced")
        else:
            self._synced = True

    async def arrived(self, client: BotClient) -> None:
        """A new session began."""
        await self.catch_up.arrive(client)

    async def guild_came(self, guild_id: int) -> None:
        """A server is there."""
        await self.catch_up.guild_came(guild_id)

    def guild_went(self, guild_id: int) -> None:
        """A server is lost for a while."""
        self.catch_up.guild_went(guild_id)

    def resumed(self) -> None:
        """The session went on."""
        self.catch_up.resumed()

    def away(self) -> None:
        """The connection was lost."""
        self.catch_up.away()

    async def heard(self, message: discord.Message, own: discord.ClientUser) -> None:
        """A new message."""
        await self.chat.heard(message, own)

    async def edited(self, message: discord.Message, own: discord.ClientUser) -> None:
        """A changed message."""
        await self.chat.edited(message, own)

    async def deleted(self, message_id: int) -> None:
        """A deleted message."""
        self.chat.deleted(message_id)

    async def pressed(self, interaction: discord.Interaction[Any]) -> None:
        """A button below an answer, or the menu of models."""
        data: dict[str, Any] = dict(interaction.data or {})
        press = buttons.pressed(str(data.get("custom_id", "")))
        if press is None:
            return
        kind, ask_id = press
        question = parse_question_id(ask_id)
        if question is None:
            return
        if kind != "stop" and not may_use(interaction, self.chat.rules):
            await interaction.response.send_message(texts.NOT_HERE, ephemeral=True)
            return
        match kind:
            case "stop":
                await self._stop(interaction, ask_id)
            case "again":
                await interaction.response.defer()
                await self._ask_again(interaction, question, AskOptions())
            case "other":
                await self._offer_models(interaction, ask_id)
            case "with":
                model = str((data.get("values") or [""])[0])
                await interaction.response.edit_message(content=f"Asking {model} …", view=None)
                await self._ask_again(interaction, question, AskOptions(model=model))

    async def _stop(self, interaction: discord.Interaction[Any], ask_id: str) -> None:
        user_id = interaction.user.id
        stopped = self.chat.stop(ask_id, user_id, is_admin=False)
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await interaction.response.defer()
        if stopped:
            return
        if await self.platform.is_admin(user_id) and self.chat.stop(ask_id, user_id, is_admin=True):
            return
        running = self.chat.is_running(ask_id)
        words = texts.NOT_YOURS if running else texts.NOTHING_TO_CANCEL
        await self._whisper(interaction, words)

    async def _offer_models(self, interaction: discord.Interaction[Any], ask_id: str) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        more: dict[str, Any] = {}
        try:
            models = await self.platform.models()
        except BoundaryError as failure:
            text = f"⚠️ {failure.message}"
        else:
            text = "Who shall answer?" if models else "⚠️ No model is installed."
            more = {"view": buttons.models_menu(ask_id, models)} if models else {}

        await self._whisper(interaction, text, **more)

    async def _whisper(self, interaction: discord.Interaction[Any], text: str, **more: Any) -> None:
        async def call(_: discord.Client) -> None:
            await interaction.followup.send(text, ephemeral=True, **more)

        with suppress(Gone, Undelivered):
            await self.delivery.call("answer", call)

    async def _ask_again(
        self, interaction: discord.Interaction[Any], question: QuestionId, options: AskOptions
    ) -> None:
        client = interaction.client
        assert client.user is not None

        async def fetch(client: discord.Client) -> discord.Message:
            home = client.get_partial_messageable(question.home_id, guild_id=interaction.guild_id)
            return await home.fetch_message(question.message_id)

        try:
            message = await self.delivery.call("question", fetch)
        except Gone:
            await self._whisper(interaction, texts.TOO_LATE)
            return
        except Undelivered:
            await self._whisper(interaction, texts.BROKE)
            return
        presser = interaction.user.id
        if presser != message.author.id and not await self.platform.is_admin(presser):
            await self._whisper(interaction, texts.NOT_YOURS)
            return
        self.chat.ask(
            message,
            client.user,
            target=question.channel_id,
            round_=interaction.id,
            options=options,
        )

    async def reacted(
        self, client: BotClient, payload: discord.RawReactionActionEvent, *, on: bool
    ) -> None:
        """A thumb below an answer is a vote; taking it away takes the vote back."""
        verdict = THUMBS.get(str(payload.emoji.name))
        if verdict is None:
            return
        ask_id = await self._rated(client, payload, on=on)
        if ask_id is None:
            return
        for pause in (*VOTE_PAUSES_SECONDS, None):
            try:
                await self.platform.vote(ask_id, payload.user_id, verdict, on=on)
            except BoundaryError as failure:
                log.info("vote.not_kept", code=failure.code)
                if pause is None or not failure.retryable:
                    return
                await self.clock.sleep(pause)
            else:
                log.info("vote.kept", verdict=verdict, on=on)
                return

    async def _rated(
        self, client: BotClient, payload: discord.RawReactionActionEvent, *, on: bool
    ) -> str | None:
        """
        Which answer the message is part of; older ones still say so by their buttons.

        Discord tells whose message it is when a thumb comes, not when it goes: then it may be
        anybody's, and is asked for only once.
        """
        ask_id = self.memory.answer_with(payload.message_id)
        if ask_id is not None:
            return ask_id

        async def fetch(client: discord.Client) -> discord.Message:
            place = client.get_partial_messageable(payload.channel_id)
            return await place.fetch_message(payload.message_id)

        try:
            message = await (self.delivery.call("rated", fetch) if on else fetch(client))
        except (Gone, Undelivered, discord.HTTPException, aiohttp.ClientError, OSError):
            return None
        return next((asked for _, asked in buttons.presses_of(message)), None)
