"""
The connection to Discord, and what keeps it alive.

An exception in discord.py's parsers ends `Client.start`; a client that has ended cannot be started
again. So each life has a client of its own, and everything that must outlast it lives elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import anyio
import discord
import structlog
import yarl
from discord import app_commands

from shared.clock import Clock

log = structlog.get_logger(__name__)
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 120.0
"""720 sessions a day; after a thousand Discord resets the token (documentation, Gateway,
Identifying), and then somebody must put a new one into .env."""

GOOD_LIFE_SECONDS = 600.0
LONGEST_SLEEP_SECONDS = 16.0
"""Inside the library, which takes a connection for dead that says nothing for a minute."""

GUILD_READY_SECONDS = 0.3
"""How long after the last server the library calls itself ready; `catching_up` knows late ones."""

FATAL_CLOSES = {4004, 4010, 4011, 4012, 4013, 4014}
PERMISSIONS = 326417632320
"""What the invitation asks for: read, write, threads, files, reactions, history."""

REFUSED_SIGN_IN = (
    "Discord refuses DISCORD_TOKEN. Copy the bot's token again from "
    "https://discord.com/developers/applications (Bot, Reset Token) into .env."
)
NOT_SET = (
    "DISCORD_TOKEN is not set. Make a bot at https://discord.com/developers/applications and put "
    "its token into .env."
)
NO_INTENTS = (
    "Discord refuses the intents. Switch on Message Content Intent and Server Members Intent at "
    "https://discord.com/developers/applications (Bot)."
)

CLOSED_FOR_GOOD = (
    "Discord closed the connection for good (code {}). What to do about it is at "
    "https://discord.com/developers/docs/topics/opcodes-and-status-codes."
)


class Refused(Exception):
    """Trying again changes nothing; the message is the sentence for the operator."""


class TooOften(Exception):
    """One session after another was refused; the next one needs a long pause."""


@dataclass(slots=True)
class Brake:
    """How long to wait before the next session: longer and longer, until one of them lasts."""

    clock: Clock
    _pause: float = FIRST_PAUSE_SECONDS
    _began_at: float = 0.0

    def began(self) -> None:
        """A session begins now."""
        self._began_at = self.clock.monotonic()

    def pause(self) -> float:
        """Seconds; the next ones are twice as many."""
        if self.clock.monotonic() - self._began_at > GOOD_LIFE_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        return pause


class Ears(Protocol):
    """Who is told what happens in Discord."""

    async def ready(self, client: "BotClient") -> None: ...
    async def arrived(self, client: "BotClient") -> None: ...
    async def guild_came(self, guild_id: int) -> None: ...
    def guild_went(self, guild_id: int) -> None: ...
    def resumed(self) -> None: ...
    def away(self) -> None: ...
    async def heard(self, message: discord.Message, own: discord.ClientUser) -> None: ...
    async def edited(self, message: discord.Message, own: discord.ClientUser) -> None: ...
    async def deleted(self, message_id: int) -> None: ...
    async def pressed(self, interaction: discord.Interaction[Any]) -> None: ...
    async def reacted(
        self, client: "BotClient", payload: discord.RawReactionActionEvent, *, on: bool
    ) -> None: ...


def use_addresses(api_base: str, gateway_url: str) -> None:
    """Which Discord the library talks to; before the first client is made."""
    discord.http.Route.BASE = api_base
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def invite_url(application_id: int) -> str:
    """Where an operator adds the bot to a server."""
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}"
        f"&permissions={PERMISSIONS}&scope=bot%20applications.commands"
    )


async def sign_in(client: discord.Client, token: str | None) -> None:
    """REST without a gateway, for scripts. Raises `Refused` for a token that does not work."""
    if not token:
        raise Refused(NOT_SET)
    try:
        await client.login(token)
    except discord.LoginFailure as refusal:
        raise Refused(REFUSED_SIGN_IN) from refusal


def intents() -> discord.Intents:
    """What the bot must hear (message content and members are privileged)."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.messages = wanted.reactions = True
    wanted.message_content = wanted.members = True
    return wanted


class BotClient(discord.Client):
    """One life of the connection; tells `ears` what happens."""

    def __init__(
        self,
        ears: Ears,
        *,
        trace: aiohttp.TraceConfig,
        make_tree: Callable[[discord.Client], app_commands.CommandTree],
        brake: Brake,
    ) -> None:
        super().__init__(
            intents=intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=trace,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=GUILD_READY_SECONDS,
        )
        self._ears = ears
        self._brake = brake
        self.tree = make_tree(self)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """
        Before every session but the first of this life: the library asks for one right after
        another as long as Discord refuses them, and has no other pause. Raises `TooOften`.
        """
        if not initial:
            pause = self._brake.pause()
            if pause > LONGEST_SLEEP_SECONDS:
                raise TooOften
            log.info("discord.new_session", pause=pause)
            await self._brake.clock.sleep(pause)
        self._brake.began()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """Pass an event on, unless this life is over: the library still makes some then."""
        if not self.is_closed():
            super().dispatch(event, *args, **kwargs)

    async def setup_hook(self) -> None:
        """Signed in; REST works from now on."""
        await self._ears.ready(self)

    async def on_ready(self) -> None:
        """A new session, which knows nothing of what was before it."""
        await self._ears.arrived(self)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A server of ours is there."""
        await self._ears.guild_came(guild.id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """A server is there; one of ours that comes late may look like a new one."""
        await self._ears.guild_came(guild.id)

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """Discord has lost a server for a while."""
        self._ears.guild_went(guild.id)

    async def on_resumed(self) -> None:
        """The session goes on, and nothing was missed."""
        self._ears.resumed()

    async def on_disconnect(self) -> None:
        """Nothing is heard until the next connection."""
        self._ears.away()

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote."""
        assert self.user is not None
        await self._ears.heard(message, self.user)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Somebody changed what they wrote."""
        assert self.user is not None
        await self._ears.edited(payload.message, self.user)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Somebody took back what they wrote."""
        await self._ears.deleted(payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """A moderator cleaned up."""
        for message_id in payload.message_ids:
            await self._ears.deleted(message_id)

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody reacted; what others wrote is no answer of ours."""
        assert self.user is not None
        ours = payload.message_author_id in (None, self.user.id)
        if ours and payload.user_id != self.user.id:
            await self._ears.reacted(self, payload, on=True)

    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody took a reaction back."""
        assert self.user is not None
        if payload.user_id != self.user.id:
            await self._ears.reacted(self, payload, on=False)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """A button or a menu; commands go to the tree."""
        if interaction.type is discord.InteractionType.component:
            await self._ears.pressed(interaction)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        """One event went wrong; the next ones are heard all the same."""
        log.exception("event.failed", event_name=event_method)


async def keep_connected(
    token: str,
    make_client: Callable[[], BotClient],
    *,
    brake: Brake,
    on_life: Callable[[BotClient | None], None],
) -> None:
    """
    One client after another, until cancelled.

    Raises `Refused` where trying again changes nothing: token, intents.
    """
    while True:
        client = make_client()
        on_life(client)
        brake.began()
        try:
            await _one_life(client, token)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                await client.close()
        on_life(None)
        pause = brake.pause()
        log.info("discord.again", pause=pause)
        await brake.clock.sleep(pause)


async def _one_life(client: BotClient, token: str) -> None:
    try:
        await client.start(token)
    except discord.LoginFailure as refusal:
        raise Refused(REFUSED_SIGN_IN) from refusal
    except discord.PrivilegedIntentsRequired as refusal:
        raise Refused(NO_INTENTS) from refusal
    except discord.ConnectionClosed as closed:
        if closed.code == 4004:
            raise Refused(REFUSED_SIGN_IN) from closed
        if closed.code in FATAL_CLOSES:
            raise Refused(CLOSED_FOR_GOOD.format(closed.code)) from None
        log.warning("discord.closed", code=closed.code)
    except TooOften:
        log.warning("discord.no_session", message="Discord refuses one session after another.")
    except Exception as failure:  # any exception in a parser ends a client; the next one goes on
        log.error("discord.ended", error=type(failure).__name__, exc_info=failure)
