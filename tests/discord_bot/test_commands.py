"""The slash commands, through the stand-in Discord, on the real brain."""

import re
from typing import Any

import pytest

import bot.chat.delivery
import bot.commands.cog
import bot.commands.orders
from rehearsal.discord import DiscordFault
from rehearsal.discord.acting import AUTOCOMPLETE, interact
from rehearsal.discord.world import LOADING

HARD = "Think hard: prove that there are infinitely many primes"


@pytest.fixture
def variables() -> dict[str, str]:
    return {"discord_admin_ids": "1"}


async def answered(world: Any, interaction: Any) -> str:
    await world.until(lambda: interaction.original and interaction.original.content)
    content: str = interaction.original.content
    return content


async def use(world: Any, command: str, channel: Any = None, **options: Any) -> str:
    discord = world.discord
    channel = channel or discord.general
    return await answered(world, discord.slash(discord.ada, channel, command, options))


def thinking(channel: Any) -> list[Any]:
    return [one for one in channel.messages.values() if one.flags & LOADING]


async def a_thread(world: Any) -> Any:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    thread = await world.thread()
    await world.answer(thread)
    return thread


async def test_help_tells_what_can_be_done(world: Any) -> None:
    assert "/cancel" in await use(world, "help")


async def test_reset_forgets_and_leaves_the_thread(world: Any) -> None:
    thread = await a_thread(world)
    assert await use(world, "reset", thread)
    discord = world.discord
    discord.say(discord.ada, thread, "hello again")
    await world.answer(thread, 2)
    assert not thread.thread.archived


async def test_close_forgets_and_closes_the_thread(world: Any) -> None:
    thread = await a_thread(world)
    assert await use(world, "close", thread)
    await world.until(lambda: thread.thread.archived)


async def test_summarize_has_an_end(world: Any) -> None:
    thread = await a_thread(world)
    assert await use(world, "summarize", thread)


async def test_somebody_else_may_not_reset(world: Any) -> None:
    discord = world.discord
    thread = await a_thread(world)
    used = discord.slash(discord.grace, thread, "reset", {})
    assert "⚠️" in await answered(world, used)


async def test_cancel_stops_ones_own_question(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    await world.until(lambda: world.own(channel))
    await use(world, "cancel", channel)
    await world.until(lambda: "Stopped" in world.own(channel)[0].content)


async def test_cancel_without_a_question_says_so(world: Any) -> None:
    assert "nothing" in await use(world, "cancel")


async def test_a_chosen_model_answers_from_then_on(world: Any) -> None:
    discord = world.discord
    assert "rnj-1:8b" in await use(world, "model", name="rnj-1:8b")
    discord.dm(discord.ada, "hello")
    answer = await world.answer(discord.dm_channel(discord.ada))
    assert "rnj-1:8b" in answer.content
    assert "not available" in await use(world, "model", name="nobody:1b")


async def test_only_models_that_can_be_talked_to_are_offered(world: Any) -> None:
    discord = world.discord
    typed = {"name": "name", "type": 3, "value": "", "focused": True}
    data = {"id": "1", "name": "model", "type": 1, "options": [typed]}
    used = interact(discord.state, discord.ada, discord.general, AUTOCOMPLETE, data)
    await world.until(lambda: used.choices is not None)
    names = [choice["value"] for choice in used.choices or ()]
    assert names[0] == "auto"
    assert "rnj-1:8b" in names
    assert not [name for name in names if "embedding" in name or "ocr" in name]
    assert "not available" in await use(world, "model", name="qwen3-embedding:4b")


async def test_budget_tells_the_week_in_the_readers_time(world: Any) -> None:
    said = await use(world, "budget")
    assert re.search(r"tokens used this week; it begins anew <t:\d{10}:R>\.", said)


async def test_forget_deletes(world: Any) -> None:
    thread = await a_thread(world)
    assert "deleted" in await use(world, "forget", thread, sure="yes, delete everything")


async def test_a_wrong_code_links_nothing(world: Any) -> None:
    assert "⚠️" in await use(world, "link", code="nonsense")


async def test_operators_commands_are_for_operators(world: Any) -> None:
    for name, options in (
        ("status", {}),
        ("why", {}),
        ("maintenance", {"mode": "soft", "on": "on"}),
    ):
        assert "operators" in await use(world, name, **options)


async def test_an_operator_sees_and_switches(world: Any) -> None:
    discord = world.discord
    object.__setattr__(world.bot.commands.platform, "admin_ids", frozenset({discord.ada.id}))
    discord.say(discord.ada, discord.general, "just between us")
    await world.until(lambda: world.bot.chat.decision_in(discord.general.id))
    assert "I was not mentioned" in await use(world, "why")
    assert "Queue: 0 waiting" in await use(world, "status")
    assert "soft: on" in await use(world, "maintenance", mode="soft", on="on")
    discord.dm(discord.ada, HARD)
    channel = discord.dm_channel(discord.ada)
    await world.until(
        lambda: any(
            "maintenance" in old.content for one in world.own(channel) for old in one.versions
        )
    )


async def test_an_end_after_the_interaction_is_over_comes_as_a_message(world: Any) -> None:
    discord = world.discord
    thread = await a_thread(world)
    discord.state.rules.token_seconds = 0.0
    discord.slash(discord.ada, thread, "reset", {})
    await world.until(lambda: len(world.own(thread)) == 2 and not thinking(thread))


async def test_a_command_that_takes_too_long_says_where_its_end_will_be(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.commands.cog, "TOKEN_SECONDS", 0.0)
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "count to 1100")
    await world.until(lambda: world.own(channel))
    used = discord.slash(discord.ada, channel, "reset", {})
    assert "takes longer" in await answered(world, used)
    await world.answer(channel)
    await world.until(lambda: used.original.id not in channel.messages)
    assert "forgotten" in world.own(channel)[-1].content.lower()


async def test_an_end_that_discord_does_not_take_for_minutes_is_said_when_it_does(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.chat.delivery, "PERSISTENT_TRIES", 1)
    monkeypatch.setattr(bot.commands.orders, "AGAIN_SECONDS", 0.05)
    discord = world.discord
    thread = await a_thread(world)
    discord.state.rules.token_seconds = 0.0
    path = f"/channels/{thread.id}/messages$"
    outage = DiscordFault(kind="error", status=503, method="POST", path=path, times=2)
    discord.faults.add([outage])
    discord.slash(discord.ada, thread, "reset", {})
    await world.until(lambda: "forgotten" in world.own(thread)[-1].content.lower())
    assert discord.faults.left() == []


async def test_a_lost_connection_leaves_nobody_waiting(world: Any) -> None:
    discord = world.discord
    discord.faults.add([DiscordFault(kind="reset", path="^/webhooks/", times=2)])
    assert "tokens used" in await use(world, "budget")


async def test_a_command_that_breaks_says_so(world: Any) -> None:
    object.__setattr__(world.bot.commands.platform, "brain", None)
    assert "did not work" in await use(world, "budget")
