"""How often the bot writes, with Discord's real limits (five requests in five seconds)."""

from statistics import mean, median
from typing import Any

import anyio
import pytest
import structlog

from bot.chat.ask import QuestionId
from bot.chat.pacing import Limit as PaceLimit
from bot.chat.pacing import fair_share_seconds
from rehearsal.discord import Limit
from shared.protocol import Delta, Done

log = structlog.get_logger(__name__)
TOKENS_PER_SECOND = 10
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


def ages(message: Any, said: list[float], until: float) -> list[float]:
    """How long the first word that is not on screen has waited, every tenth of a second."""
    found, at = [], said[0]
    while at < until:
        texts = [one.content for one in message.versions if one.at <= at]
        count = texts[-1].count("word") if texts else 0
        waits = count < len(said) - 1 and said[count] <= at
        found.append(at - said[count] if waits else 0.0)
        at += 0.1
    return found


def rule(answers: int, discord: Any) -> float:
    """Half the time between two edits of one message, and a round trip; seconds."""
    took: list[float] = [one.took for one in discord.calls if one.method == "PATCH"]
    return fair_share_seconds(PaceLimit(5, 5.0), answers) / 2 + mean(took)


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
    edits = [version.at for one in world.own(channel) for version in one.versions[1:]]
    most = max(sum(begin <= at < begin + 5 for at in edits) for begin in edits)
    first_end = min(times[-1] for times in said.values())
    late, age = [], []
    for message in world.ended(channel):
        (asked,) = [one for one in said if one in str(message.components)]
        late.append(message.versions[-1].at - said[asked][-1])
        age += ages(message, said[asked], first_end)
    log.info("rates.measured", late=late, most=most, age=mean(age), rule=rule(ANSWERS, discord))
    assert not [one for one in discord.calls if one.status == 429]
    assert most <= 5
    assert median(late) <= 0.3
    assert max(late) <= 1.5
    assert mean(age) <= 1.1 * rule(ANSWERS, discord)


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
            tasks.start_soon(grow, world, asked, SECONDS + 0.1 * number, said)
    await discord.until(lambda: all(world.ended(one) for one in channels), seconds=30)
    assert not [one for one in discord.calls if one.status == 429]
    late, age = [], []
    for channel in channels:
        (message,) = world.ended(channel)
        (asked,) = [one for one in said if one in str(message.components)]
        late.append(message.versions[-1].at - said[asked][-1])
        age += ages(message, said[asked], said[asked][-1])
    log.info("rates.measured", late=late, age=mean(age), rule=rule(1, discord))
    assert median(late) <= 0.3
    assert max(late) <= 1.5
    assert mean(age) <= 1.1 * rule(1, discord)
