"""
What people see, on the stand-in's page: every scene is played, looked for and photographed.

`python tests/discord_bot/screenshots.py FOLDER` keeps the pictures, to be looked at by a person.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from rehearsal import Fault
from rehearsal.discord import Channel, File, Person

playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZES = {"wide": (1100, 1000), "phone": (390, 844)}
CODE = "Here it is:\n\n```python\n" + "".join(f"x{n} = {n}\n" for n in range(500)) + "```\n\nDone."
TABLE = """Three models that fit into 32 GB:

| Model | Size | Good at |
|---|---:|:---:|
| **rnj-1:8b** | 5.1 GB | sums and small code |
| ministral-3:14b | 9.1 GB | pictures |
| gpt-oss:20b | 13.0 GB | everything else |

They share the memory in turn."""
TRICKY = """# A heading
> quoted, and **bold**
1. first
   - nested, with `a | b`
     - deeper
2. second

````md
```python
print("a fence in a fence")
```
````
<b>no markup</b> @everyone ||a spoiler|| ~~gone~~
مرحبا بالعالم, שלום, 日本語, e\u0301clair, 👩‍👩‍👧‍👦
"""


@dataclass(frozen=True)
class Seen:
    """Where a scene is looked at, by whom, and what must be on the page then."""

    channel: Channel
    person: Person
    words: tuple[str, ...]


async def maths_with_code(world: Any) -> Seen:
    discord = world.discord
    discord.say(discord.ada, discord.general, "@Trollama Solve x^2 + 5x + 6 = 0")
    thread = await world.thread()
    await world.answer(thread)
    discord.say(discord.ada, thread, "And now a Python function for prime numbers, please")
    await world.answer(thread, 2)
    return Seen(thread, discord.ada, ("x = -2", "def primes_up_to", "math · rnj-1:8b"))


async def the_channel_of_a_thread(world: Any) -> Seen:
    discord = world.discord
    return Seen(discord.general, discord.ada, ("@Trollama", "messages ›"))


async def a_table(world: Any) -> Seen:
    return await in_a_dm(world, "Mia", "show the table", "ministral-3:14b   9.1 GB")


async def an_artifact(world: Any) -> Seen:
    words = "Create a file primes.py with a python function for primes"
    return await in_a_dm(world, "Noor", words, "✅ Artifact saved: primes.py")


async def a_search_that_failed(world: Any) -> Seen:
    return await in_a_dm(world, "Nils", "search the web for cats", "The web was searched first")


async def a_file_with_a_question(world: Any) -> Seen:
    cats = File("cats.csv", b"name,age\nBarnaby,7\nMolly,3\n")
    return await in_a_dm(world, "Otto", "Who is the oldest cat?", "cats.csv", files=[cats])


async def tricky_text(world: Any) -> Seen:
    return await in_a_dm(world, "Pia", "the tricky one", "a fence in a fence")


async def a_long_answer(world: Any) -> Seen:
    return await in_a_dm(world, "Quinn", "the long one", "x499 = 499", "Done.")


async def two_people_in_a_thread(world: Any) -> Seen:
    discord = world.discord
    discord.say(discord.ada, discord.lab, "@Trollama hello")
    thread = await world.thread(discord.lab)
    first = await world.answer(thread)
    discord.say(discord.grace, thread, "hello from me, too")
    await world.answer(thread, 2)
    discord.say(discord.ada, thread, "what did I ask before?", reply_to=first)
    await world.answer(thread, 3)
    return Seen(thread, discord.grace, ("Grace", "Before this you wrote"))


async def a_forum_post(world: Any) -> Seen:
    discord = world.discord
    post = discord.start_thread(
        discord.ada, discord.ideas, "Shorter meetings", "@Trollama 12 * (7 + 3)"
    )
    await world.answer(post)
    return Seen(post, discord.ada, ("120", "Shorter meetings"))


async def a_stopped_answer(world: Any) -> Seen:
    discord = world.discord
    person = discord.add_person("Rosa")
    channel = discord.dm_channel(person)
    world.models.faults.add([Fault(kind="hang", after_tokens=25)])
    discord.dm(person, "hello")
    await world.until(lambda: world.own(channel) and "Hello!" in world.own(channel)[0].content)
    discord.press(person, world.own(channel)[0], "Stop")
    await world.until(lambda: "🛑" in world.own(channel)[0].content)
    return Seen(channel, person, ("🛑 Stopped.",))


async def buttons_that_were_pressed(world: Any) -> Seen:
    discord = world.discord
    seen = await in_a_dm(world, "Sam", "hello", "Hello!")
    first = await world.answer(seen.channel)
    discord.press(seen.person, first, "Regenerate")
    await world.answer(seen.channel, 2)
    press = discord.press(seen.person, first, "Other model")
    await world.until(lambda: press.original is not None and press.original.components)
    return Seen(seen.channel, seen.person, ("Hello!", "Who shall answer?"))


async def help_and_budget(world: Any) -> Seen:
    discord = world.discord
    person = discord.add_person("Tara")
    channel = discord.dm_channel(person)
    for command in ("help", "budget"):
        used = discord.slash(person, channel, command)
        await world.until(lambda used=used: used.original is not None and used.original.content)
    return Seen(channel, person, ("Talk to me", "tokens"))


async def an_error(world: Any) -> Seen:
    discord = world.discord
    person = discord.add_person("Uma")
    channel = discord.dm_channel(person)
    world.models.faults.add([Fault(kind="error", message="it broke", times=3)])
    discord.dm(person, "hello")
    await world.until(lambda: world.own(channel) and "⚠️" in world.own(channel)[0].content)
    return Seen(channel, person, ("⚠️",))


async def a_queue(world: Any) -> Seen:
    discord = world.discord
    person = discord.add_person("Vera")
    channel = discord.dm_channel(person)
    chosen = discord.slash(person, channel, "model", {"name": "ministral-3:14b"})
    await world.until(lambda: chosen.original is not None and chosen.original.content)
    world.models.faults.add([Fault(kind="hang", on="load", times="forever")])
    discord.dm(person, "hello")
    await world.until(lambda: [one for one in world.own(channel) if "oading" in one.content])
    discord.dm(person, "hello once more")
    discord.dm(person, "hello again")
    await world.until(lambda: len([1 for one in world.own(channel) if "queue" in one.content]) == 2)
    return Seen(channel, person, ("Loading ministral-3:14b, about", "Next in the queue"))


SCENES: list[Callable[[Any], Awaitable[Seen]]] = [
    maths_with_code, the_channel_of_a_thread, a_table, an_artifact, a_search_that_failed,
    a_file_with_a_question, tricky_text, a_long_answer, two_people_in_a_thread, a_forum_post,
    a_stopped_answer, buttons_that_were_pressed, help_and_budget, an_error, a_queue,
]  # fmt: skip


async def in_a_dm(
    world: Any, name: str, question: str, *words: str, files: list[File] | None = None
) -> Seen:
    """A person asks alone, and the answer has come."""
    person = world.discord.add_person(name)
    channel = world.discord.dm_channel(person)
    world.discord.dm(person, question, files=files or ())
    await world.answer(channel)
    return Seen(channel, person, words)


@pytest.fixture
def replies() -> dict[str, str]:
    return {"the long one": CODE, "the table": TABLE, "the tricky one": TRICKY}


@dataclass
class Pages:
    """One page for every size of window, and what went wrong on them."""

    by_size: dict[str, Any]
    problems: list[str]


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    problems: list[str] = []
    async with playwright.async_playwright() as program:
        browser = await program.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        by_size = {}
        for name, (width, height) in SIZES.items():
            by_size[name] = page = await browser.new_page(
                viewport={"width": width, "height": height}
            )
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda said: problems.extend([said.text] * (said.type == "error")))
        yield Pages(by_size, problems)
        await browser.close()


async def everything_on(page: Any, words: tuple[str, ...]) -> str:
    """The text of the messages, as soon as `words` are in it, else after three seconds."""
    for _ in range(30):
        shown = str(await page.inner_text("main"))
        if all(one in shown for one in words):
            break
        await anyio.sleep(0.1)
    return shown


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to show the page")
async def test_every_scene_is_seen_on_the_page(world: Any, pages: Pages) -> None:
    pictures = os.environ.get("PICTURES")
    for number, scene in enumerate(SCENES, 1):
        seen = await scene(world)
        for size, page in pages.by_size.items():
            await page.goto(f"{world.discord_url}/#{seen.channel.id}@{seen.person.id}")
            shown = await everything_on(page, seen.words)
            if pictures is not None:
                name = f"{number:02}-{scene.__name__}-{size}.png"
                await page.screenshot(path=Path(pictures) / name)
            missing = [words for words in seen.words if words not in shown]
            assert not missing, f"{scene.__name__} does not show {missing} but {shown}"
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= SIZES[size][0], f"{scene.__name__} is wider than the {size} window"
    assert pages.problems == []
