"""What the bot says about itself."""

import aiohttp
import pytest

from bot.health import Facts, serving
from shared.clock import ManualClock


@pytest.mark.parametrize(
    ("brain", "discord", "status"),
    [(True, True, "healthy"), (False, True, "degraded"), (True, False, "degraded")],
)
async def test_health_names_both_connections(brain: bool, discord: bool, status: str) -> None:
    facts = Facts(brain, discord, guilds=2, latency_ms=41.5)
    async with (
        serving("127.0.0.1", 0, lambda: facts, settled=lambda: True, clock=ManualClock()) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        http.get("/health") as answer,
    ):
        body = await answer.json()
    assert answer.status == 200
    assert body | {
        "status": status, "websocket_connected": brain, "discord_connected": discord,
        "guilds": 2, "latency_ms": 41.5,
    } == body  # fmt: skip


async def test_it_is_live_when_discord_has_taken_the_token() -> None:
    facts = Facts(False, False, guilds=0, latency_ms=None)
    settled = False
    async with (
        serving(
            "127.0.0.1", 0, lambda: facts, settled=lambda: settled, clock=ManualClock()
        ) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        assert (await http.get("/health/live")).status == 503
        settled = True
        assert (await http.get("/health/live")).status == 200
