"""When memory is short the conversation gets shorter before an answer fails (T5)."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from brain.vram.orchestrator import Orchestrator
from brain.vram.pressure import Level

PIN = {"model": "rnj-1:8b"}
LONG = "Please remember this: " + "a line of a long story, " * 300
SHORTER = "memory is tight: using a shorter history"


@pytest.fixture
def level(monkeypatch: pytest.MonkeyPatch) -> list[Level]:
    """The level the brain believes in: the last of the list."""
    levels = [Level.CALM]
    # Real pressure would also unload the model whose prompt is looked at here.
    monkeypatch.setattr(Orchestrator, "pressure", property(lambda _: levels[-1]))
    return levels


async def prompt_tokens(client: Any) -> int:
    done = await client.end_of(await client.ask("What did I say?", options=PIN))
    assert done["type"] == "done"
    return int(done["usage"]["input_tokens"])


def details(client: Any) -> list[str]:
    return [f["detail"] for f in client.seen if f["type"] == "status" and f.get("detail")]


async def test_the_history_shrinks_with_pressure_and_comes_back_and_it_is_said(
    platform: Any, level: list[Level]
) -> None:
    async with platform.person() as client:
        await client.hello()
        for _ in range(6):
            await client.end_of(await client.ask(LONG, options=PIN))
        assert SHORTER not in details(client)
        calm = await prompt_tokens(client)
        assert SHORTER not in details(client)
        level.append(Level.CRIT)
        crit = await prompt_tokens(client)
        assert details(client).count(SHORTER) == 1
        level.append(Level.CALM)
        after = await prompt_tokens(client)
        assert details(client).count(SHORTER) == 1
    assert crit < calm <= after


async def test_a_short_conversation_is_left_as_it_is(platform: Any, level: list[Level]) -> None:
    level.append(Level.CRIT)
    async with platform.person() as client:
        await client.hello()
        await client.end_of(await client.ask("My cat is called Mia.", options=PIN))
        assert await prompt_tokens(client) > 0
    assert SHORTER not in details(client)


async def test_asks_for_a_model_that_must_wait_hold_up_nobody_who_wants_another(
    start: Any, tmp_path: Path
) -> None:
    def machine(full: float, available_gb: float) -> None:
        kib = 1e9 / 1024
        (tmp_path / "meminfo").write_text(
            f"MemTotal: {int(128 * kib)} kB\nMemAvailable: {int(available_gb * kib)} kB\n"
        )
        stalls = f"avg10={full} avg60=0 avg300=0 total=0\n"
        (tmp_path / "pressure").write_text(f"some {stalls}full {stalls}")
        (tmp_path / "vmstat").write_text("pgscan_direct 0\n")

    machine(0, 60)
    async with (
        start(
            queue_workers=2,
            vram_profile="balanced",
            vram_reserve_gb=20,
            meminfo_file=tmp_path / "meminfo",
            pressure_file=tmp_path / "pressure",
            vmstat_file=tmp_path / "vmstat",
        ) as platform,
        platform.bot() as client,
    ):
        await client.hello("bot")
        machine(12, 30)
        with anyio.fail_after(10):
            while platform.brain.vram.pressure == Level.CALM:
                await anyio.sleep(0.1)
        machine(8, 50)
        for number in range(2):
            await client.ask(
                "hello",
                conversation_id=f"low {number}",
                user_id=f"{number}",
                options={"model": "deepseek-ocr:3b"},
            )
        await anyio.sleep(0.3)
        other = await client.ask(
            "hello", conversation_id="o", user_id="9", options={"model": "rnj-1:8b"}
        )
        with anyio.fail_after(8):
            assert (await client.end_of(other))["type"] == "done"
