"""Long conversations, through the whole brain: summarised beside the answers, never before them."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from brain.catalogue.models import ModelSpec
from brain.chat import compaction
from brain.llm.messages import Finished
from brain.llm.speaker import Prompt, Speaker
from brain.vram.orchestrator import Orchestrator
from rehearsal.script import ScriptedReply

PIN = {"model": "rnj-1:8b"}
WINDOW = 2400
FACTS = "- The cat is called Mia.\n- They meet on Thursday at 7.\n\nThey talked about sums."
FILLER = "Please tell me something about the number {n}, in a few words and without a list. "


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model sees `WINDOW` tokens at once."""
    spec = Orchestrator.spec

    def smaller(self: Orchestrator, model: str) -> ModelSpec:
        return replace(spec(self, model), context_tokens=WINDOW)

    monkeypatch.setattr(Orchestrator, "spec", smaller)


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[Prompt]:
    """Every prompt in the order the models got them."""
    seen: list[Prompt] = []
    speak = Speaker.speak

    async def watched(self: Speaker, prompt: Prompt, **options: Any) -> Finished:
        seen.append(prompt)
        return await speak(self, prompt, **options)

    # Looking over the shoulder of the one door to any model; everything behind it is real.
    monkeypatch.setattr(Speaker, "speak", watched)
    return seen


def says(platform: Any, match: str, text: str) -> None:
    script = platform.rehearsal.script
    reply = ScriptedReply(match=match, text=text)
    platform.rehearsal.script = script.model_copy(update={"replies": (reply, *script.replies)})


async def at_rest(platform: Any) -> None:
    with anyio.fail_after(10):
        while not platform.brain.compaction.is_idle:
            await anyio.sleep(0.002)


async def ask(client: Any, text: str) -> Any:
    done = await client.end_of(await client.ask(text, options=PIN))
    assert done["type"] == "done"
    return done


async def fill(client: Any, turns: int) -> None:
    for n in range(turns):
        await ask(client, FILLER.format(n=n) * 3)


async def header(platform: Any) -> dict[str, Any]:
    rows = await platform.store.query("conversations", "user:anna:talk", prefix="~")
    item: dict[str, Any] = rows[0].item
    return item


def minutes_of(prompts: list[Prompt]) -> list[Prompt]:
    return [one for one in prompts if "<conversation>" in one.messages[-1].text]


async def test_facts_of_turn_3_are_in_the_prompt_of_turn_300(
    start: Any, small: None, prompts: list[Prompt]
) -> None:
    async with start(speed=2000) as platform, platform.person() as client:
        says(platform, "<conversation>", "They talked about sums.")
        says(platform, "(?s)<conversation>.*Mia", FACTS)
        await client.hello()
        sizes = []
        for n in range(1, 301):
            text = "My cat is called Mia. We meet on Thursday at 7." if n == 3 else FILLER
            sizes.append((await ask(client, text.format(n=n)))["usage"]["input_tokens"])
            await at_rest(platform)
        told = [frame for frame in client.seen if "summarised" in (frame.get("detail") or "")]
    answered = [one for one in prompts if one not in minutes_of(prompts)]
    assert len(answered) == 300
    last = answered[-1]
    assert last.system.startswith(answered[0].system)
    assert "- The cat is called Mia." in last.system
    assert "- They meet on Thursday at 7." in last.system
    assert [m.text for m in last.messages if m.role == "user"][-2:] == [
        FILLER.format(n=299),
        FILLER.format(n=300),
    ]
    assert max(sizes) <= WINDOW
    assert all(one.messages[0].role == "user" for one in answered)
    assert len(minutes_of(prompts)) - len(told) in (0, 1)  # the last one may be told later
    assert len(told) >= 10
    assert all("- The cat is called Mia." in one.system for one in answered[60:])


async def test_whoever_asks_breaks_a_summary_off_and_it_is_made_later(
    start: Any, small: None
) -> None:
    async with start(speed=10) as platform, platform.person() as client:
        says(platform, "<conversation>", "They talked about sums, again and again. " * 40)
        await client.hello()
        while platform.brain.compaction.is_idle:
            await fill(client, 1)
        with anyio.fail_after(5):
            while not platform.rehearsal.record.active:
                await anyio.sleep(0.002)
            await ask(client, "What is 1 + 1?")
        assert not platform.brain.compaction.is_idle
        await at_rest(platform)
        assert (await header(platform))["checkpoints"] >= 1


async def test_on_a_server_that_is_never_quiet_summaries_are_made_beside_the_answers(
    start: Any, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "STARVED_SECONDS", 0.05)
    async with start() as platform, platform.person() as client:
        await client.hello()
        with platform.brain.compaction.making_way():
            while platform.brain.compaction.is_idle:
                await fill(client, 1)
            await at_rest(platform)
        assert (await header(platform))["checkpoints"] >= 1


async def test_no_model_is_loaded_for_a_summary(start: Any, small: None) -> None:
    async with start() as platform, platform.person() as client:
        await client.hello()
        await fill(client, 9)
        await at_rest(platform)
        assert (await header(platform))["checkpoint"]["model"] == "rnj-1:8b"
        loads = [
            event.model for event in platform.rehearsal.record.events if event.kind == "loaded"
        ]
        assert loads == ["rnj-1:8b"]


async def test_a_summary_that_loses_against_a_reset_changes_nothing(
    start: Any, small: None
) -> None:
    async with start(speed=10) as platform, platform.person() as client:
        says(platform, "<conversation>", "They talked about sums, again and again. " * 40)
        await client.hello()
        while platform.brain.compaction.is_idle:
            await fill(client, 1)
        await client.send("reset", conversation_id="talk", user_id="x", ask_id="r")
        await client.end_of("r")
        await at_rest(platform)
        known = await header(platform)
        rows = await platform.store.query("conversations", "user:anna:talk", prefix="m#")
    assert (known["checkpoint"], known["checkpoints"]) == (None, 0)
    assert rows == []


async def test_half_a_summary_changes_nothing(
    start: Any, small: None, prompts: list[Prompt]
) -> None:
    async with start(speed=500) as platform, platform.person() as client:
        says(platform, "<conversation>", "They talked about sums, again and again. " * 500)
        await client.hello()
        while not minutes_of(prompts):
            await fill(client, 1)
            await at_rest(platform)
        assert (await header(platform))["checkpoints"] == 0


async def test_a_conversation_that_fits_costs_no_store_operation_more(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await ask(client, "What is 1 + 1?")
        before = platform.store.count.total()
        await ask(client, "What is 2 + 2?")
        assert platform.brain.compaction.is_idle
        assert platform.store.count.total() - before == 3
