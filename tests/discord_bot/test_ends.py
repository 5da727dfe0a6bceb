"""An answer always comes to an end that people can see, once, whatever stands in its way."""

import re
from typing import Any

import anyio
import pytest

import bot.chat.cog
import bot.chat.delivery
from bot.chat.delivery import File
from rehearsal.discord import DiscordFault, May
from rehearsal.discord.writing import Draft, change_thread, post

HARD = "Think hard: prove that there are infinitely many primes"
OLD_MESSAGE = 30046


@pytest.fixture
def speed() -> float:
    """Slow enough to be in the middle of an answer."""
    return 5


def labels(message: Any) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


def asked_below(message: Any) -> str:
    """What the first button below it means."""
    press: str = message.components[0]["components"][0]["custom_id"]
    return press


async def begun(world: Any, channel: Any) -> Any:
    """The first message of an answer, when it has begun to grow."""
    await world.until(
        lambda: any("⏳" not in one.content and one.content for one in world.own(channel))
    )
    return world.own(channel)[0]


async def asked_in_a_thread(world: Any, question: str) -> Any:
    discord = world.discord
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} {question}")
    return await world.thread()


async def only(world: Any, channel: Any) -> Any:
    """The one message there, when its answer has ended and what is too much is gone."""
    await world.answer(channel)
    await world.until(lambda: len(world.own(channel)) == 1)
    return world.own(channel)[0]


async def test_an_answer_that_may_not_go_on_says_so_below_what_stands(world: Any) -> None:
    thread = await asked_in_a_thread(world, "count to 1100")
    first = await begun(world, thread)
    world.discord.deny(world.discord.general, May.SEND_MESSAGES, May.SEND_MESSAGES_IN_THREADS)
    await world.until(lambda: "I may not go on here" in first.content)
    assert labels(first) == ["Regenerate"]
    assert world.own(thread) == [first]
    await world.until(lambda: not world.brain.queue.running())


async def test_close_stops_the_answer_that_is_under_way(world: Any) -> None:
    thread = await asked_in_a_thread(world, HARD)
    first = await begun(world, thread)
    path = f"/messages/{first.id}$"
    slow = DiscordFault(kind="slow", method="PATCH", path=path, seconds=0.15, times="forever")
    world.discord.faults.add([slow])
    world.discord.slash(world.discord.ada, thread, "close", {})
    await world.until(lambda: thread.thread.archived)
    assert "Stopped" in first.content
    assert labels(first) == ["Regenerate"]


async def test_who_may_not_close_stops_nobody_else(world: Any) -> None:
    thread = await asked_in_a_thread(world, HARD)
    await begun(world, thread)
    world.discord.slash(world.discord.grace, thread, "close", {})
    answer = await world.answer(thread)
    assert "Stopped" not in answer.content
    assert not thread.thread.archived


async def test_a_stopped_answer_can_be_asked_for_again(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    first = await begun(world, channel)
    discord.press(discord.ada, first, "Stop")
    await world.until(lambda: labels(first) == ["Regenerate"])
    discord.press(discord.ada, first, "Regenerate")
    assert (await world.answer(channel)).id != first.id


async def test_an_answer_whose_message_takes_no_more_edits_goes_on_in_another(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    first = await begun(world, channel)
    refuse_edits(world, first)
    answer = await only(world, channel)
    assert answer.id != first.id
    assert len(answer.content) > len(first.content)


async def test_of_a_long_answer_all_below_such_a_message_comes_anew(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, "count to 700")
    await world.until(lambda: len(world.own(channel)) == 2)
    refuse_edits(world, *world.own(channel))
    await world.answer(channel)
    await world.until(lambda: [bool(labels(one)) for one in world.own(channel)] == [False, True])
    shown = " ".join(one.content for one in world.own(channel)).split("-#")[0]
    assert list(map(int, re.findall(r"\b\d+\b", shown))) == list(range(1, 701))


def refuse_edits(world: Any, *messages: Any) -> None:
    ids = "|".join(str(one.id) for one in messages)
    fault = DiscordFault(
        kind="error", method="PATCH", path=f"/messages/({ids})$", status=429, code=OLD_MESSAGE,
        retry_after=0.01, times="forever",
    )  # fmt: skip
    world.discord.faults.add([fault])


async def test_an_end_that_discord_rejects_comes_in_another_message(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    first = await begun(world, channel)
    path = f"/messages/{first.id}$"
    rejection = DiscordFault(kind="error", method="PATCH", path=path, status=400, times="forever")
    discord.faults.add([rejection])
    assert (await only(world, channel)).id != first.id


async def test_a_refusal_for_the_moment_costs_no_question(world: Any) -> None:
    discord = world.discord
    refusal = DiscordFault(kind="error", method="POST", path="/messages$", status=408)
    discord.faults.add([refusal])
    discord.dm(discord.ada, "hello")
    await only(world, discord.dm_channel(discord.ada))
    assert discord.faults.left() == []


async def test_a_question_outlives_minutes_in_which_discord_takes_nothing(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.chat.delivery, "PERSISTENT_TRIES", 1)
    monkeypatch.setattr(bot.chat.cog, "AGAIN_SECONDS", 0.05)
    discord = world.discord
    outage = DiscordFault(kind="error", method="POST", path="/messages$", status=503, times=3)
    discord.faults.add([outage])
    discord.dm(discord.ada, "hello")
    await only(world, discord.dm_channel(discord.ada))
    assert discord.faults.left() == []


async def test_while_the_brain_is_away_no_more_is_taken_than_can_be_kept(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.chat.cog, "MOST_OPEN", 1)
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    await world.kill("brain")
    discord.dm(discord.ada, "hello")
    await world.until(lambda: world.bot.chat.running)
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} hello")
    await world.until(lambda: world.own(discord.general))
    assert "Queue is full" in world.own(discord.general)[0].content
    assert world.bot.chat.running == 1
    assert discord.threads(discord.general) == []
    await world.start_brain()
    await world.answer(channel)


async def test_what_breaks_in_drawing_leaves_the_words_and_says_so(world: Any) -> None:
    async def broken(_: object) -> list[Any]:
        raise RuntimeError

    discord = world.discord
    world.bot.chat.fetch = broken
    discord.dm(discord.ada, "Create a file primes.py with a python function for primes")
    answer = await only(world, discord.dm_channel(discord.ada))
    assert "could not be shown as it should be" in answer.content
    assert "primes" in answer.content
    await world.until(lambda: not world.bot.chat.running)


async def test_more_files_than_a_message_takes_come_in_another(world: Any) -> None:
    async def many(_: object) -> list[File]:
        return [File(f"{number}.txt", b"x") for number in range(11)]

    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    world.bot.chat.fetch = many
    discord.dm(discord.ada, "Create a file primes.py with a python function for primes")
    await world.until(lambda: [len(one.attachments) for one in world.own(channel)] == [10, 1])
    assert "⚠️" not in world.own(channel)[0].content


async def test_files_that_discord_rejects_are_named_as_such(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)

    async def large(_: object) -> list[File]:
        discord.faults.add([DiscordFault(kind="error", path="/messages", status=413)])
        return [File("large.txt", b"x")]

    world.bot.chat.fetch = large
    discord.dm(discord.ada, "Create a file primes.py with a python function for primes")
    answer = await only(world, channel)
    assert "Discord did not take the files" in answer.content


async def test_the_end_of_a_question_that_was_changed_is_not_drawn_over_its_answer(
    world: Any,
) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    world.bot.link._held["an answer that is not shown yet"] = 1  # so that no end is confirmed
    question = discord.dm(discord.ada, "count to 300")
    first = await begun(world, channel)
    discord.edit(question, "count to 200")
    await world.until(lambda: asked_below(first).endswith("-1") and "20" in first.content)
    await world.kill("bot")
    await world.until(lambda: not discord.connected)
    await world.start_bot()
    assert await only(world, channel) is first
    await world.until(lambda: not world.bot.chat.running)
    assert not [old for old in first.versions if "Stopped" in old.content]
    assert world.own(channel) == [first]


async def test_after_a_restart_only_who_asked_can_stop_it(world: Any) -> None:
    discord = world.discord
    thread = await asked_in_a_thread(world, HARD)
    first = await begun(world, thread)
    await world.kill("bot")
    await world.until(lambda: not discord.connected)
    await world.start_bot()
    await world.until(lambda: world.bot.chat.running)
    discord.press(discord.grace, first, "Stop")
    await world.until(lambda: [one for one in thread.messages.values() if one.seen_by])
    assert not [one for one in world.own(thread) if "Stopped" in one.content]
    discord.press(discord.ada, first, "Stop")
    await world.until(lambda: "Stopped" in first.content)


async def test_an_answer_ends_in_a_thread_that_somebody_archived(world: Any) -> None:
    thread = await asked_in_a_thread(world, HARD)
    await begun(world, thread)
    change_thread(world.discord.state, thread, archived=True)
    await only(world, thread)


async def test_an_end_that_was_sent_but_never_noted_is_found_again(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, HARD)
    first = await begun(world, channel)
    ask_id = asked_below(first).removeprefix("stop:")
    await world.kill("bot")
    await world.until(lambda: not world.brain.queue.running())
    row = {
        "type": 1,
        "components": [
            {"type": 2, "style": 2, "label": label, "custom_id": f"{kind}:{ask_id}"}
            for label, kind in (("Regenerate", "again"), ("Other model", "other"))
        ],
    }
    draft = Draft("What the bot sent last.", components=[row])
    moved = post(discord.state, channel, discord.bot, draft)
    await world.start_bot()
    await world.until(lambda: world.own(channel) == [moved])
    await anyio.sleep(0.1)  # for what should not come
    assert world.own(channel) == [moved]
    assert "primes" in moved.content
