"""How answers look, what comes with questions, and what comes out."""

import re
from typing import Any

import pytest

from rehearsal.discord import File, May, Person

CODE = "Here it is:\n\n```python\n" + "".join(f"x{n} = {n}\n" for n in range(500)) + "```\n\nDone."
ENDLESS = "".join(f"Line {number} of a very long answer.\n" for number in range(700))


@pytest.fixture
def speed() -> float:
    return 60


@pytest.fixture
def replies() -> dict[str, str]:
    return {
        "the long one": CODE,
        "the table": "| Name | Size |\n|---|---|\n| rnj-1 | 8 |\n| gpt-oss | 20 |",
        "the one word": "w" * 4500,
        "the endless one": ENDLESS,
        "the loud one": "Hello @everyone and @here, <@1> and <@&1>",
    }


async def asked(world: Any, text: str, *files: File) -> list[Any]:
    """All messages of the answer in a direct message."""
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    discord.dm(discord.ada, text, files=files)
    await world.answer(channel)
    messages: list[Any] = world.own(channel)
    return messages


def plain(messages: list[Any]) -> str:
    return "".join(re.sub(r"\n?-# .*", "", one.content) for one in messages)


async def test_a_long_code_block_goes_on_in_the_next_message(world: Any) -> None:
    messages = await asked(world, "the long one")
    assert len(messages) > 2
    assert all(one.content.count("```") % 2 == 0 for one in messages)
    assert all(one.content.startswith("```python") for one in messages[1:-1])
    shown = "".join(re.findall(r"x\d+ = \d+\n", plain(messages)))
    assert shown == "".join(f"x{n} = {n}\n" for n in range(500))
    await world.until(lambda: not any(one.components for one in messages[:-1]))


async def test_a_word_longer_than_a_message_survives(world: Any) -> None:
    messages = await asked(world, "the one word")
    assert plain(messages).count("w") >= 4500
    assert all(len(one.content) <= 2000 for one in messages)


async def test_a_table_becomes_an_aligned_block(world: Any) -> None:
    (message,) = await asked(world, "the table")
    assert "```\nName     Size\n───────  ────\nrnj-1    8" in message.content


async def test_an_answer_of_too_many_messages_ends_in_a_file(world: Any) -> None:
    messages = await asked(world, "the endless one")
    assert len(messages) == 6
    (file,) = messages[-1].attachments
    assert file.filename == "answer.md"
    assert "Line 699 of a very long answer." in file.content.decode()


async def test_nobody_is_pinged(world: Any) -> None:
    discord = world.discord
    discord.state.people[1] = Person(1, "Somebody")
    discord.deny(discord.general, May.SEND_MESSAGES_IN_THREADS)  # so that it is a reply
    discord.say(discord.ada, discord.general, f"@{discord.bot.name} the loud one")
    answer = await world.answer(discord.general)
    assert answer.reply_to is not None
    assert "@everyone and @here, <@1> and <@&1>" in answer.content
    assert (answer.everyone, answer.mentions, answer.mention_roles) == (False, [], [])


async def test_a_file_is_read(world: Any) -> None:
    notes = File("notes.txt", b"The cat is called Barnaby.")
    (message,) = await asked(world, "What does this file say?", notes)
    assert "⚠️" not in message.content
    assert world.discord.fetched == ["notes.txt"]


async def test_a_file_too_large_or_of_no_use_is_named_before_it_is_fetched(world: Any) -> None:
    discord = world.discord
    channel = discord.dm_channel(discord.ada)
    files = (File("big.txt", b"x" * 10_100_000), File("song.mp3", b"la"))
    await asked(world, "hello", *files)
    await world.until(lambda: any("larger than 10 MB" in one.content for one in world.own(channel)))
    assert any("song.mp3" in one.content for one in world.own(channel))
    assert discord.fetched == []


async def test_a_file_that_comes_out_is_sent(world: Any) -> None:
    messages = await asked(world, "Create a file primes.py with a python function for primes")
    (file,) = messages[-1].attachments
    assert file.filename == "primes.py"
    assert b"def primes_up_to" in file.content
    assert "✅ Artifact saved: primes.py" in plain(messages)
