"""How often the bot writes, with Discord's real limits (five requests in five seconds)."""

from statistics import mean, median
from typing import Any

import anyio
import pytest
import structlog

from bot.chat.ask import QuestionId
from rehearsal.discord import Limit
from shared.protocol import Delta, Done

log = structlog.get_logger(__name__)
TOKENS_PER_SECOND = 20
ANSWERS = 4
SECONDS = 12.0
STAGGER_SECONDS = 1.3

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


async def grow(world: Any, asked: str, seconds: float, said: dict[str, list[float]]) -> None:
    """An answer as a brain sends it, for `seconds`; when each piece was said."""
    clock = world.bot.clock
    words: list[str] = []
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        words.append(f"word{len(words)} ")
        said[asked].append(clock.monotonic())
        world.bot.chat.frame(Delta(ask_id=asked, attempt=1, text=words[-1]))
        await anyio.sleep(1 / TOKENS_PER_SECOND)
    said[asked].append(clock.monotonic())
    world.bot.chat.frame(Done(ask_id=asked, request_id="r", text="".join(words), model="m"))


def ages(message: Any, said: list[float]) -> list[float]:
    """How old the newest word on screen was, every tenth of a second while it grew."""
    found = []
    at = message.versions[0].at + 1
    while at < said[-1]:
        text = [one.content for one in message.versions if one.at <= at][-1]
        count = text.count("word")
        waiting = [moment for moment in said[count:-1] if moment <= at]
        found.append(at - waiting[0] if waiting else 0.0)
        at += 0.1
    return found


async def test_four_answers_at_once_in_one_channel_keep_its_limit(world: Any) -> None:
    discord = world.discord
    discord.state.limits.write = Limit(5, 5.0)
    channel = discord.dm_channel(discord.ada)
    said: dict[str, list[float]] = {}
    async with anyio.create_task_group() as tasks:
        for number in range(ANSWERS):
            message = discord.add_person(f"p{number}")  # only its id is of use
            asked = str(QuestionId(channel.id, channel.id, message.id))
            said[asked] = []
            tasks.start_soon(grow, world, asked, SECONDS + STAGGER_SECONDS * number, said)
    await discord.until(lambda: len(world.ended(channel)) == ANSWERS, seconds=30)
    writes = [one.at for one in discord.calls if "/messages/" in one.path and one.method == "PATCH"]
    assert not [one for one in discord.calls if one.status == 429]
    late, age = [], []
    for message in world.ended(channel):
        (asked,) = [one for one in said if one in str(message.components)]
        late.append(message.versions[-1].at - said[asked][-1])
        age += ages(message, said[asked])
    most = max(sum(begin <= at < begin + 5 for at in writes) for begin in writes)
    report = f"late {sorted(late)} s, {most} edits in 5 s, age of the text {mean(age):.2f} s"
    log.info("rates.measured", report=report)
    assert median(late) <= 0.3
    assert max(late) <= 1.5


async def test_twenty_channels_at_once_are_never_refused(world: Any) -> None:
    discord = world.discord
    discord.state.limits.write = Limit(5, 5.0)
    said: dict[str, list[float]] = {}
    channels = []
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            person = discord.add_person(f"p{number}")
            channel = discord.dm_channel(person)
            channels.append(channel)
            asked = str(QuestionId(channel.id, channel.id, person.id))
            said[asked] = []
            tasks.start_soon(grow, world, asked, SECONDS, said)
    await discord.until(lambda: all(world.ended(one) for one in channels), seconds=30)
    assert not [one for one in discord.calls if one.status == 429]
    late, age = [], []
    for channel in channels:
        (message,) = world.ended(channel)
        (asked,) = [one for one in said if one in str(message.components)]
        late.append(message.versions[-1].at - said[asked][-1])
        age += ages(message, said[asked])
    log.info("rates.measured", report=f"late {max(late)} s, age of the text {mean(age):.2f} s")
    assert median(late) <= 0.3
    assert max(late) <= 1.5
