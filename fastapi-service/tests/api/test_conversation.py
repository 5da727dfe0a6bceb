"""What a model gets to see of a conversation, through the whole brain."""

from typing import Any

import pytest

from brain.llm.messages import Finished
from brain.llm.speaker import Prompt, Speaker
from rehearsal import Fault
from rehearsal.script import ScriptedReply

PIN = {"model": "rnj-1:8b"}
MINUTES = "- The cat is called Mia.\n- They meet on Thursday.\n\nThey talked about a cat."
HEARD = "(?s)<conversation>.*Mia"


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


def says(platform: Any, match: str, text: str, thinking: str | None = None) -> None:
    """The models answer so where the last message matches, before anything else they know."""
    script = platform.rehearsal.script
    reply = ScriptedReply(match=match, text=text, thinking=thinking)
    platform.rehearsal.script = script.model_copy(update={"replies": (reply, *script.replies)})


async def talk(client: Any, *texts: str) -> None:
    for text in texts:
        assert (await client.end_of(await client.ask(text, options=PIN)))["type"] == "done"


async def summary(client: Any, ask_id: str = "s1") -> Any:
    await client.send("summarize", conversation_id="talk", user_id="x", ask_id=ask_id)
    return await client.end_of(ask_id)


def said(prompt: Prompt) -> list[str]:
    return [message.text for message in prompt.messages if message.role == "user"]


async def test_a_summary_takes_the_place_of_older_turns_on_every_later_turn(
    platform: Any, prompts: list[Prompt]
) -> None:
    says(platform, HEARD, MINUTES)
    async with platform.person() as client:
        await client.hello()
        await talk(client, "My cat is called Mia.", "Two?", "Three?", "Four?")
        assert (await summary(client))["text"].startswith("- The cat is called Mia.")
        await talk(client, "Five?", "Six?")
    before, fifth, sixth = prompts[0], prompts[-2], prompts[-1]
    assert fifth.system.startswith(before.system)
    assert "- The cat is called Mia." in fifth.system
    assert said(fifth) == ["Three?", "Four?", "Five?"]
    assert sixth.system == fifth.system
    assert said(sixth) == ["Three?", "Four?", "Five?", "Six?"]


async def test_a_summary_is_told_once_and_leaves_a_sign_in_the_history(platform: Any) -> None:
    says(platform, HEARD, MINUTES)
    async with platform.person() as client:
        await client.hello()
        await talk(client, "My cat is called Mia.", "Two?", "Three?")
        await summary(client)
        await talk(client, "Four?", "Five?")
    told = [frame["detail"] for frame in client.seen if frame.get("stage") == "routing"]
    assert told == [None, None, None, "summarised 2 earlier messages", None]
    rows = await platform.store.query("conversations", "user:anna:talk", prefix="m#")
    assert [row.item["role"] for row in rows].count("summary") == 1


async def test_a_fact_the_model_leaves_out_of_the_next_summary_stays(
    platform: Any, prompts: list[Prompt]
) -> None:
    says(platform, "<conversation>", "They talked about numbers.")
    says(platform, HEARD, MINUTES)
    async with platform.person() as client:
        await client.hello()
        await talk(client, "My cat is called Mia.", "Two?", "Three?")
        await summary(client, "s1")
        await talk(client, "Four?", "Five?", "Six?")
        await summary(client, "s2")
        await talk(client, "Seven?")
    assert "They talked about numbers." in prompts[-1].system
    assert "- The cat is called Mia." in prompts[-1].system
    assert said(prompts[-1]) == ["Five?", "Six?", "Seven?"]


async def test_what_a_model_thought_never_gets_into_a_summary(
    platform: Any, prompts: list[Prompt]
) -> None:
    says(platform, HEARD, MINUTES, thinking="Let me see, SECRET.")
    async with platform.person() as client:
        await client.hello()
        await talk(client, "My cat is called Mia.", "Two?", "Three?")
        await summary(client)
        await talk(client, "Four?")
    assert "Mia" in prompts[-1].system
    assert "SECRET" not in prompts[-1].system


@pytest.mark.parametrize(
    "reply", ["<think>They want minutes, so", 'Well. <tool_call>{"name": "x"}</tool_call>']
)
async def test_an_unusable_summary_changes_nothing(
    platform: Any, prompts: list[Prompt], reply: str
) -> None:
    says(platform, "<conversation>", reply)
    async with platform.person() as client:
        await client.hello()
        await talk(client, "My cat is called Mia.", "Two?", "Three?")
        await summary(client)
        await talk(client, "Four?")
    assert prompts[-1].system == prompts[0].system
    assert said(prompts[-1]) == ["My cat is called Mia.", "Two?", "Three?", "Four?"]


async def test_a_reset_forgets_the_summary_too(platform: Any, prompts: list[Prompt]) -> None:
    says(platform, HEARD, MINUTES)
    async with platform.person() as client:
        await client.hello()
        await talk(client, "My cat is called Mia.", "Two?", "Three?")
        await summary(client)
        await client.send("reset", conversation_id="talk", user_id="x", ask_id="r")
        await client.end_of("r")
        await talk(client, "Four?")
    assert "Mia" not in prompts[-1].system
    assert said(prompts[-1]) == ["Four?"]


async def test_a_follow_up_stays_where_the_question_was_answered(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        first = await client.end_of(await client.ask("Solve x^2 + 5x + 6 = 0"))
        second = await client.end_of(await client.ask("and for x^2 + 7x + 12 = 0?"))
    assert (
        (second["route"], second["model"])
        == (first["route"], first["model"])
        == (
            "math",
            "rnj-1:8b",
        )
    )


async def test_the_estimate_learns_from_what_the_server_counts(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        await talk(client, "What is 1 + 1?", "What is 2 + 2?")
    estimates = platform.brain.worker._turn._estimates
    assert estimates.ratio("rnj-1:8b") != 1.0
    assert estimates.ratio("gpt-oss:20b") == 1.0


async def test_a_question_too_long_for_its_model_is_refused(platform: Any) -> None:
    async with platform.person() as client:
        await client.hello()
        refused = await client.end_of(await client.ask("word " * 30_000, options=PIN))
    assert refused["code"] == "chat.too_long"
    assert "too long" in refused["message"]


async def test_a_server_with_a_smaller_window_than_thought_is_asked_again_with_less(
    platform: Any, prompts: list[Prompt]
) -> None:
    async with platform.person() as client:
        await client.hello()
        await talk(client, *("A few words to fill the window with. " * 60 for _ in range(12)))
        fault = Fault(kind="error", status=400, message="input exceeds the available context size")
        platform.rehearsal.faults.add([fault])
        await talk(client, "And now?")
    assert len(prompts[-1].messages) < len(prompts[-2].messages)
    assert said(prompts[-1])[-1] == "And now?"


async def test_what_a_server_does_not_count_is_estimated(platform: Any) -> None:
    platform.rehearsal.faults.add([Fault(kind="uncounted")])
    async with platform.person() as client:
        await client.hello()
        done = await client.end_of(await client.ask("count to 20", options=PIN))
    assert done["usage"]["input_tokens"] > 50
    assert done["usage"]["output_tokens"] >= 20
