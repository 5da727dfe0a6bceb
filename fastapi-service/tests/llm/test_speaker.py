"""The one door to any model: what comes through it, and what happens when somebody leaves."""

from typing import Any, Literal

import anyio
import pytest
from pydantic import BaseModel
from strands import tool

from brain.llm.errors import ContextExceeded
from brain.llm.messages import Message, Prompt, Text
from brain.vram.errors import BackendFailed, BackendUnreachable, LoadFailed, ModelUnavailable
from rehearsal import Fault
from shared.errors import BoundaryError

BOTH = pytest.mark.parametrize("model", ["rnj-1:8b", "remote"])
CLOSED_WITHIN_SECONDS = 0.05


class Route(BaseModel):
    route: Literal["math", "general"]


@tool
async def temperature(city: str) -> str:
    """The temperature in a city.

    Args:
        city: The city.
    """
    return {"Oslo": "4 degrees", "Rome": "21 degrees"}[city]


@BOTH
async def test_an_answer_streams_and_ends_with_the_servers_counts(talk: Any, model: str) -> None:
    answer = await talk.ask(model, "hello there")
    assert answer.text.startswith("You asked: hello there")
    assert len([piece for piece in answer.pieces if isinstance(piece, Text)]) > 3
    assert answer.finished.input_tokens > 0
    assert answer.finished.output_tokens > 3
    assert not answer.finished.truncated


@BOTH
async def test_the_history_arrives_as_it_was_said(talk: Any, model: str) -> None:
    await talk.ask(model, "one", "two", "three")
    said = [(one["role"], one["text"]) for one in talk.requests()[-1].messages]
    assert said == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "two"),
        ("user", "three"),
    ]


@pytest.mark.parametrize("model", ["gpt-oss:20b", "remote"])
async def test_thinking_is_kept_apart_from_the_answer(talk: Any, model: str) -> None:
    answer = await talk.ask(model, "hello", think="high")
    assert "rehearsed thinking" in answer.thinking
    assert "rehearsed thinking" not in answer.text


async def test_a_model_with_a_switch_thinks_only_when_asked_to(talk: Any) -> None:
    assert (await talk.ask("switch", "hello")).thinking == ""
    assert (await talk.ask("switch", "hello", think=True)).thinking != ""
    assert [one.body["think"] for one in talk.requests()] == [False, True]


@pytest.mark.parametrize(
    ("think", "sent"), [(None, "low"), (False, "low"), (True, "medium"), ("high", "high")]
)
async def test_a_model_with_levels_thinks_little_unless_more_is_wanted(
    talk: Any, think: Any, sent: str
) -> None:
    await talk.ask("gpt-oss:20b", "hello", think=think)
    assert talk.requests()[-1].body["think"] == sent


async def test_a_model_that_cannot_think_is_not_asked_to(talk: Any) -> None:
    await talk.ask("rnj-1:8b", "hello", think=True)
    assert "think" not in talk.requests()[-1].body


async def test_no_chat_makes_the_server_load_a_model_again(talk: Any) -> None:
    for options in ({}, {"max_tokens": 5}, {"think": "high"}):
        await talk.ask("gpt-oss:20b", "hello", **options)
    await talk.speaker.decide("gpt-oss:20b", "Choose.", "2 + 2", Route)
    record = talk.servers.rehearsal.record
    assert record.count("load_started", "gpt-oss:20b") == 1
    assert record.count("reloaded", "gpt-oss:20b") == 0
    assert {one.body["keep_alive"] for one in talk.requests()} == {-1}


@BOTH
async def test_counts_a_server_leaves_out_are_zero(talk: Any, model: str) -> None:
    talk.fault(Fault(kind="uncounted", model=model))
    answer = await talk.ask(model, "hello")
    assert answer.finished.output_tokens == 0
    assert answer.text


@BOTH
async def test_tools_are_run_and_their_results_are_used(talk: Any, model: str) -> None:
    answer = await talk.ask(model, "how warm is it?", tools=(temperature,))
    assert answer.text.startswith("It is 4 degrees\n21 degrees.")
    first, second = talk.requests()
    assert [one["role"] for one in second.messages] == [
        "system", "user", "assistant", "tool", "tool",
    ]  # fmt: skip
    assert len(second.messages[2]["calls"]) == 2, "one turn stays one message"
    assert answer.finished.input_tokens >= first.prompt_tokens + second.prompt_tokens


async def test_ollama_is_told_which_tool_a_result_belongs_to(talk: Any) -> None:
    await talk.ask("gpt-oss:20b", "how warm is it?", tools=(temperature,))
    said = talk.requests()[-1].body.get("messages") or talk.requests()[-1].messages
    assert [one["tool_name"] for one in said if one["role"] == "tool"] == ["temperature"] * 2


async def test_a_model_without_tools_is_offered_none(talk: Any) -> None:
    assert (await talk.ask("plain", "how warm is it?", tools=(temperature,))).text
    assert "tools" not in talk.requests()[-1].body


@BOTH
async def test_an_answer_that_hits_its_limit_is_a_truncated_end(talk: Any, model: str) -> None:
    answer = await talk.ask(model, "hello there", max_tokens=3)
    assert answer.finished.truncated
    assert answer.finished.output_tokens == 3
    assert answer.text


@BOTH
async def test_a_wanted_temperature_reaches_the_model(talk: Any, model: str) -> None:
    await talk.ask(model, "hello there", temperature=0.25)
    body = talk.requests()[-1].body
    assert body.get("options", body)["temperature"] == 0.25


@BOTH
async def test_a_decision_is_an_object_of_the_schema(talk: Any, model: str) -> None:
    decided = await talk.speaker.decide(model, "Choose a route.", "Solve x^2 = 4", Route)
    assert decided == Route(route="math")


@BOTH
async def test_a_decision_of_another_form_is_a_failure(talk: Any, model: str) -> None:
    talk.fault(Fault(kind="babble", model=model))
    with pytest.raises(BackendFailed, match="form"):
        await talk.speaker.decide(model, "Choose a route.", "Solve x^2 = 4", Route)


@BOTH
async def test_a_decision_is_bounded_by_its_callers_deadline(talk: Any, model: str) -> None:
    talk.fault(Fault(kind="hang", model=model))
    with pytest.raises(TimeoutError), anyio.fail_after(0.2):
        await talk.speaker.decide(model, "Choose a route.", "Solve x^2 = 4", Route)


FAULTS: list[tuple[Fault, type[BoundaryError], str]] = [
    (Fault(kind="error", status=500), BackendFailed, "status 500"),
    (Fault(kind="error", status=503, message="server busy"), BackendFailed, "server busy"),
    (Fault(kind="error", after_tokens=2), BackendFailed, "broke off"),
    (Fault(kind="drop"), BackendFailed, "connection"),
    (Fault(kind="drop", after_tokens=2), BackendFailed, "connection"),
    (Fault(kind="oom"), LoadFailed, "not enough memory"),
    (Fault(kind="oom", after_tokens=2), LoadFailed, "not enough memory"),
    (Fault(kind="vanish"), ModelUnavailable, "not available"),
]


@BOTH
@pytest.mark.parametrize(
    ("fault", "error", "words"),
    FAULTS,
    ids=lambda value: (
        f"{value.kind}-{value.status}-{value.after_tokens}" if isinstance(value, Fault) else ""
    ),
)
async def test_every_failure_of_a_server_has_its_error(
    talk: Any, model: str, fault: Fault, error: type[BoundaryError], words: str
) -> None:
    await talk.ask(model, "warm up")
    talk.fault(fault.model_copy(update={"model": model}))
    with pytest.raises(error, match=words) as failure:
        await talk.ask(model, "hello there, how are you?")
    assert failure.value.retryable == (error is not ModelUnavailable)
    assert (await talk.ask(model, "still there?")).text
    assert talk.leases() <= 1


async def test_a_conversation_longer_than_the_model_sees_is_too_long(talk: Any) -> None:
    with pytest.raises(ContextExceeded) as failure:
        await talk.ask("rnj-1:8b", "word " * 20_000)
    assert failure.value.code == "chat.too_long"


@BOTH
async def test_a_model_that_never_begins_is_given_up(start: Any, model: str) -> None:
    async with start(first_token_seconds=0.1) as talk:
        talk.fault(Fault(kind="hang", model=model))
        with pytest.raises(BackendFailed, match=r"silent for 0\.1 s"):
            await talk.ask(model, "hello")


@BOTH
async def test_a_model_that_stops_in_the_middle_is_given_up(start: Any, model: str) -> None:
    async with start(token_gap_seconds=0.1) as talk:
        talk.fault(Fault(kind="hang", model=model, after_tokens=3))
        with pytest.raises(BackendFailed, match=r"silent for 0\.1 s"):
            await talk.ask(model, "hello")


@pytest.mark.parametrize("model", ["slow", "remote-slow"])
async def test_cancelling_in_a_silent_prefill_reaches_the_server_at_once(
    talk: Any, until: Any, model: str
) -> None:
    await talk.vram.refresh()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.ask, model, "hello")
        await until(lambda: bool(talk.requests()) and talk.requests()[-1].started is not None)
        cancelled_at = anyio.current_time()
        tasks.cancel_scope.cancel()
    entry = talk.requests()[-1]
    await until(lambda: entry.disconnected is not None)
    assert entry.disconnected - cancelled_at <= CLOSED_WITHIN_SECONDS
    assert entry.tokens == 0
    await until(lambda: talk.leases() == 0)


@BOTH
async def test_cancelling_while_tokens_flow_reaches_the_server_at_once(
    talk: Any, until: Any, model: str
) -> None:
    talk.fault(Fault(kind="slow", model=model, factor=100.0))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.ask, model, "hello")
        await until(lambda: bool(talk.requests()) and talk.requests()[-1].tokens > 2)
        cancelled_at = anyio.current_time()
        tasks.cancel_scope.cancel()
    entry = talk.requests()[-1]
    await until(lambda: entry.disconnected is not None)
    assert entry.disconnected - cancelled_at <= CLOSED_WITHIN_SECONDS
    await until(lambda: talk.leases() == 0)


@BOTH
async def test_breaking_off_reaches_the_server_at_once(talk: Any, until: Any, model: str) -> None:
    talk.fault(Fault(kind="slow", model=model, factor=100.0))
    prompt = Prompt(model=model, system="", messages=(Message("user", "hello"),))
    left_at = 0.0

    def hear(piece: Any) -> None:
        nonlocal left_at
        if isinstance(piece, Text):
            enough.cancel()
            left_at = anyio.current_time()

    with anyio.CancelScope() as enough:
        await talk.speaker.speak(prompt, hear=hear)
    assert left_at
    entry = talk.requests()[-1]
    await until(lambda: entry.disconnected is not None)
    assert entry.disconnected - left_at <= CLOSED_WITHIN_SECONDS
    await until(lambda: talk.leases() == 0)


async def test_the_lease_is_held_for_exactly_as_long_as_the_answer(talk: Any, until: Any) -> None:
    prompt = Prompt(model="rnj-1:8b", system="", messages=(Message("user", "hello"),))
    leases: list[int] = []
    await talk.speaker.speak(prompt, hear=lambda _: leases.append(talk.leases()))
    assert len(leases) > 3
    assert set(leases) == {1}
    await until(lambda: talk.leases() == 0)


async def test_a_server_that_is_gone_is_unreachable(puppet: Any, puppet_talk: Any) -> None:
    async with puppet_talk(puppet) as talk:
        await puppet.stop()
        with pytest.raises(BackendUnreachable, match="Failed to connect to the model server at"):
            await talk.ask("puppet", "hello")


async def test_two_hundred_answers_at_once_are_not_mixed_up(talk: Any) -> None:
    texts: dict[int, str] = {}

    async def ask(number: int) -> None:
        texts[number] = (await talk.ask("remote", f"question {number}.")).text

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(ask, number)
    assert all(text.startswith(f"You asked: question {n}.") for n, text in texts.items())
    assert len(texts) == 200
