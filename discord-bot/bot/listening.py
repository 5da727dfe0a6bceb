"""What happens in Discord, passed on to those whose business it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import discord
import orjson
import structlog

from bot import texts
from bot.chat import buttons
from bot.chat.ask import QuestionId, parse_question_id
from bot.chat.cog import Chat
from bot.chat.delivery import Delivery
from bot.client import BotClient
from bot.platform import Platform
from shared.clock import Clock, iso
from shared.errors import BoundaryError
from shared.protocol import AskOptions

log = structlog.get_logger(__name__)
THUMBS = {"👍": "good", "👎": "bad"}


@dataclass(slots=True)
class Listener:
    """The ears of every client, one after another."""

    chat: Chat
    delivery: Delivery
    platform: Platform
    clock: Clock
    feedback_file: Path
    _synced: bool = False

    async def ready(self, client: BotClient) -> None:
        """Signed in: messages go this way now, and people find our commands."""
        self.delivery.use(client)
        if not self._synced:
            try:
                await client.tree.sync()
            except discord.HTTPException as refusal:
                log.warning("commands.not_synced", code=refusal.code)
            self._synced = True

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
        await interaction.response.defer()
        user_id = interaction.user.id
        if self.chat.stop(ask_id, user_id, is_admin=False):
            return
        if await self.platform.is_admin(user_id) and self.chat.stop(ask_id, user_id, is_admin=True):
            return
        await interaction.followup.send(texts.NOTHING_TO_CANCEL, ephemeral=True)

    async def _offer_models(self, interaction: discord.Interaction[Any], ask_id: str) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            models = await self.platform.models()
        except BoundaryError as failure:
            await interaction.followup.send(f"⚠️ {failure.message}", ephemeral=True)
            return
        if models:
            view = buttons.models_menu(ask_id, models)
            await interaction.followup.send("Who shall answer?", view=view, ephemeral=True)
        else:
            await interaction.followup.send("⚠️ No model is installed.", ephemeral=True)

    async def _ask_again(
        self, interaction: discord.Interaction[Any], question: QuestionId, options: AskOptions
    ) -> None:
        client = interaction.client
        assert client.user is not None
        home = client.get_partial_messageable(question.home_id)
        try:
            message = await home.fetch_message(question.message_id)
        except discord.HTTPException:
            await interaction.followup.send(texts.TOO_LATE, ephemeral=True)
            return
        self.chat.ask(
            message,
            client.user,
            target=question.channel_id,
            round_=question.round + 1,
            options=options,
        )

    async def reacted(self, payload: discord.RawReactionActionEvent) -> None:
        """A thumb below an answer is kept with route and model, without who or what was said."""
        verdict = THUMBS.get(str(payload.emoji.name))
        rated = self.chat.rated(payload.message_id)
        if verdict is None or rated is None:
            return
        log.info("feedback.given", verdict=verdict, route=rated.route, model=rated.model)
        line = {
            "at": iso(self.clock.now()),
            "verdict": verdict,
            "route": rated.route,
            "model": rated.model,
            "ask_id": rated.ask_id,
        }
        await anyio.to_thread.run_sync(_append, self.feedback_file, orjson.dumps(line) + b"\n")


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(line)
