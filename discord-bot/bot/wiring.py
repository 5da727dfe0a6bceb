"""The parts of the bot, and how they know each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import discord
from anyio.abc import TaskGroup
from discord import app_commands

from bot.catching_up import CatchUp
from bot.chat.ask import Rules
from bot.chat.cog import Chat
from bot.chat.delivery import Delivery
from bot.chat.pacing import Pace
from bot.client import NOT_SET, BotClient, Brake, Refused, keep_connected, use_addresses
from bot.commands.cog import Commands, command_tree
from bot.commands.orders import Orders
from bot.config import Settings
from bot.health import Facts
from bot.link import Link
from bot.listening import Listener
from bot.memory import Memory
from bot.platform import CLIENT_ID, Platform
from shared.clock import Clock
from shared.http import Peer

MEMORY_FILE = Path("data/discord.json")


@dataclass(slots=True)
class Bot:
    """Everything that outlives one connection to Discord."""

    settings: Settings
    clock: Clock
    link: Link
    chat: Chat
    delivery: Delivery
    listener: Listener
    commands: Commands
    memory: Memory
    brake: Brake
    client: BotClient | None = None
    _has_ended: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Until cancelled. Raises `bot.client.Refused`."""
        token = self.settings.discord_token
        if token is None:
            raise Refused(NOT_SET)
        use_addresses(self.settings.discord_api_base, self.settings.discord_gateway_url)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.link.run)
            tasks.start_soon(self.memory.run)
            await keep_connected(
                token.get_secret_value(),
                self._new_client,
                brake=self.brake,
                on_life=self._lives,
            )

    @property
    def settled(self) -> bool:
        """Whether Discord took the token or cannot be asked now; a wrong one ends the bot."""
        return self._has_ended or (self.client is not None and self.client.user is not None)

    def facts(self) -> Facts:
        """How it is, for `/health`."""
        client = self.client
        there = client is not None and client.is_ready() and not client.is_closed()
        latency = client.latency if there and client is not None else float("nan")
        return Facts(
            websocket_connected=self.link.connected,
            discord_connected=there,
            guilds=len(client.guilds) if client is not None else 0,
            latency_ms=round(latency * 1000, 1) if latency == latency < float("inf") else None,
        )

    def _new_client(self) -> BotClient:
        def tree(client: discord.Client) -> app_commands.CommandTree:
            return command_tree(client, self.commands)

        trace = self.delivery.trace()
        return BotClient(self.listener, trace=trace, make_tree=tree, brake=self.brake)

    def _lives(self, client: BotClient | None) -> None:
        self.listener.away()
        self.client = client
        self._has_ended |= client is None


@asynccontextmanager
async def assembled(settings: Settings, *, clock: Clock) -> AsyncIterator[Bot]:
    """The bot, not connected yet; answers in hand end with the context."""
    token = settings.service_token.get_secret_value()
    async with AsyncExitStack() as stack:
        brain = await stack.enter_async_context(
            Peer("The brain", settings.brain_address, token=token, timeout_seconds=15)
        )
        auth = await stack.enter_async_context(
            Peer("Sign-in", settings.auth_address, token=token, timeout_seconds=5)
        )
        tasks = await stack.enter_async_context(anyio.create_task_group())
        platform = Platform(brain=brain, auth=auth, admin_ids=settings.discord_admin_ids)
        try:
            yield _bot(settings, platform, tasks, clock)
        finally:
            tasks.cancel_scope.cancel()


def _bot(settings: Settings, platform: Platform, tasks: TaskGroup, clock: Clock) -> Bot:
    pace = Pace(interval_seconds=settings.stream_chunk_interval, clock=clock)
    delivery = Delivery(pace, clock=clock)
    link = Link(
        url=settings.brain_socket,
        token=settings.service_token.get_secret_value(),
        client_id=CLIENT_ID,
        on_frame=lambda frame: chat.frame(frame),
        on_change=lambda connected: chat.brain_is(connected=connected),
        clock=clock,
    )
    memory = Memory(MEMORY_FILE, clock=clock)
    orders = Orders(link=link, delivery=delivery, tasks=tasks, clock=clock)
    chat = Chat(
        link=link,
        delivery=delivery,
        fetch=platform.files,
        tasks=tasks,
        clock=clock,
        memory=memory,
        rules=_rules(settings),
        limit=settings.max_stream_chunk_size,
        max_file_size_mb=settings.max_file_size_mb,
        other_end=orders.take_end,
    )
    listener = Listener(
        chat=chat,
        delivery=delivery,
        platform=platform,
        memory=memory,
        catch_up=CatchUp(chat, delivery, memory, clock),
        clock=clock,
        tasks=tasks,
    )
    commands = Commands(chat=chat, orders=orders, platform=platform)
    return Bot(settings, clock, link, chat, delivery, listener, commands, memory, Brake(clock))


def _rules(settings: Settings) -> Rules:
    return Rules(
        guilds=settings.discord_allowed_guilds,
        channels=settings.discord_allowed_channels,
        roles=settings.discord_allowed_roles,
        users=settings.discord_allowed_users,
        talk_channels=settings.discord_talk_channels,
        plain_channels=settings.discord_plain_channels,
    )
