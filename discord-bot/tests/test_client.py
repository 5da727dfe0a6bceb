"""How often the bot asks Discord for a session."""

from typing import Any, cast

import aiohttp
import anyio
import anyio.lowlevel
import discord
import pytest

from bot.client import BotClient, Brake, Ears, keep_connected

DAY = 86_400.0
MOST_A_DAY = 1000


class HastyClock:
    """Sleeping takes no time."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await anyio.lowlevel.checkpoint()


class Refusing(BotClient):
    """A client whose every session Discord refuses; the library then asks for another."""

    sessions = 0
    lasts = 0.0

    async def start(self, token: str, *, reconnect: bool = True) -> None:
        initial = True
        clock = cast(HastyClock, self._brake.clock)
        while clock.at < DAY and self.sessions < 2 * MOST_A_DAY:
            await self.before_identify_hook(None, initial=initial)
            type(self).sessions += 1
            clock.at += self.lasts
            initial = False


@pytest.mark.parametrize("lasts", [0.0, 5.0, 61.0, 700.0])
async def test_a_day_of_refused_sessions_does_not_use_them_up(lasts: float) -> None:
    clock = HastyClock()
    brake = Brake(clock)

    class Client(Refusing):
        pass

    Client.lasts = lasts

    def make() -> BotClient:
        return Client(
            cast(Ears, None),
            trace=aiohttp.TraceConfig(),
            make_tree=discord.app_commands.CommandTree,
            brake=brake,
        )

    def lived(_: Any) -> None:
        if clock.at > DAY or Client.sessions >= 2 * MOST_A_DAY:
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        await keep_connected("token", make, brake=brake, on_life=lived)
    assert 100 < Client.sessions < MOST_A_DAY
