"""The real, unmodified `openai` client against `/v1`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import httpx
import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from brain.api.openai.errors import STATUS, Reported, response_of
from rehearsal.faults import Fault
from shared.errors import BoundaryError
from shared.protocol import Failed

Client = Any  # AsyncOpenAI; its many overloads ask for types that plain dicts do not have
LIMIT_SECONDS = 30.0
CLOSED_WITHIN_SECONDS = 0.05
MODEL = "rnj-1:8b"
HELLO: Any = [{"role": "user", "content": "hello there"}]
SEARCH: Any = {
    "type": "function",
    "function": {
        "name": "web_search",
        "description": "Search the web.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
    },
}


class Step(BaseModel):
    explanation: str
    number: int


class Solution(BaseModel):
    steps: list[Step]
    kind: Literal["math", "other"]


def client(platform: Any, key: str | None = None, **options: Any) -> Client:
    return AsyncOpenAI(
        base_url=f"{platform.url}/v1",
        api_key=key or platform.token("anna"),
        **{"max_retries": 0, "timeout": LIMIT_SECONDS} | options,
    )


@pytest.fixture
async def ai(platform: Any) -> AsyncIterator[Client]:
    async with client(platform) as ai:
        yield ai


async def ask(ai: Client, text: str = "hello there", **options: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    return await ai.chat.completions.create(**{"model": MODEL, "messages": messages} | options)


def chats(platform: Any) -> list[Any]:
    return [
        one
        for one in platform.rehearsal.record.requests
        if one.path in ("/api/chat", "/v1/chat/completions")
    ]


async def until(true: Any) -> None:
    with anyio.fail_after(LIMIT_SECONDS):
        while not true():
            await anyio.sleep(0.001)


def at_rest(platform: Any) -> bool:
    """Nothing waits, runs or holds a model."""
    brain = platform.brain
    leases = sum(model.leases for model in brain.vram.status().loaded)
    return not (brain.queue.waiting() or brain.queue.running_count or leases)


# ------------------------------------------------------------------ models


async def test_the_models_that_may_be_named_and_auto(ai: Client) -> None:
    models = {model.id: model async for model in ai.models.list()}
    assert {"auto", "gpt-oss:20b", MODEL} <= models.keys()
    assert "qwen3-embedding:4b" not in models
    assert models[MODEL].owned_by == "rehearsal"
    assert (await ai.models.retrieve(MODEL)).id == MODEL
    assert (await ai.models.retrieve("auto")).object == "model"


async def test_a_name_with_a_slash_is_looked_up_whole(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as http:
        for name in ("some/model:7b", "some%2Fmodel%3A7b"):
            error = (await http.get(f"/v1/models/{name}")).json()["error"]
            assert (error["code"], error["param"]) == ("model.unavailable", "model")
            assert "some/model:7b" in error["message"]


# ------------------------------------------------------------------ whole answers


async def test_an_answer_in_one_piece(platform: Any, ai: Client) -> None:
    answer = await ask(ai)
    assert answer.object == "chat.completion"
    assert answer.model == MODEL
    assert answer.system_fingerprint == "rehearsal"
    assert answer.id.startswith("chatcmpl-")
    choice = answer.choices[0]
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert choice.message.content
    assert choice.message.tool_calls is None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    await until(lambda: at_rest(platform))


async def test_auto_chooses_a_model_for_the_question(platform: Any, ai: Client) -> None:
    answer = await ask(ai, "Solve x^2 + 5x + 6 = 0", model="auto")
    assert answer.model == MODEL, "the one for maths"
    assert "-2" in answer.choices[0].message.content


async def test_auto_takes_a_model_that_can_call_the_tools(start: Any) -> None:
    async with start() as platform, client(platform) as ai:
        await without(platform, "gpt-oss:20b", "ministral-3:14b")
        assert (await ask(ai, model="auto")).model == "deepseek-ocr:3b", "the largest one left"
        assert (await ask(ai, model="auto", tools=[SEARCH])).model == "rnj-1:8b"
        await without(platform, "rnj-1:8b")
        with pytest.raises(openai.BadRequestError, match="cannot call tools"):
            await ask(ai, model="auto", tools=[SEARCH])


async def without(platform: Any, *models: str) -> None:
    for model in models:
        platform.rehearsal.faults.add([Fault(kind="vanish", model=model, times="forever")])
    await platform.brain.vram.refresh()


async def test_the_conversation_arrives_as_it_was_sent(platform: Any, ai: Client) -> None:
    await ai.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "one"}]},
            {"role": "assistant", "content": "two"},
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "three"}, {"type": "text", "text": "four"}],
            },
        ],
        user="ignored",
    )
    assert [(one["role"], one["text"]) for one in chats(platform)[-1].messages] == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", "two"),
        ("system", "Be kind."),
        ("user", "three\nfour"),
    ]


async def test_options_reach_the_model_and_load_nothing_again(platform: Any, ai: Client) -> None:
    await ask(ai)
    answer = await ask(
        ai, max_completion_tokens=3, temperature=0.25, top_p=0.5, seed=7, stop=["END", "STOP"]
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3
    sent = chats(platform)[-1].body["options"]
    plain = chats(platform)[-2].body["options"]
    assert sent == plain | {
        "num_predict": 3,
        "temperature": 0.25,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["END", "STOP"],
    }
    assert platform.rehearsal.record.count("load_started", MODEL) == 1
    assert platform.rehearsal.record.count("reloaded", MODEL) == 0


async def test_an_answer_held_to_a_schema(ai: Client) -> None:
    answer = await ai.chat.completions.parse(
        model=MODEL,
        messages=[{"role": "user", "content": "Solve x + 1 = 2"}],
        response_format=Solution,
    )
    parsed = answer.choices[0].message.parsed
    assert parsed is not None
    assert parsed.kind == "math"
    free = await ask(ai, response_format={"type": "json_object"})
    assert isinstance(json.loads(free.choices[0].message.content), dict)


async def test_thoughts_are_told_when_effort_is_asked_for(ai: Client) -> None:
    silent = await ask(ai, model="gpt-oss:20b")
    aloud = await ask(ai, model="gpt-oss:20b", reasoning_effort="high")
    assert "reasoning_content" not in silent.choices[0].message.model_extra
    assert aloud.choices[0].message.model_extra["reasoning_content"]


async def test_two_store_operations_and_no_conversation(platform: Any, ai: Client) -> None:
    await ask(ai)
    await until(lambda: at_rest(platform))
    platform.store.count.clear()
    await ask(ai)
    assert dict(platform.store.count) == {"write": 2}, "the request and its end"


async def test_the_words_are_not_kept(platform: Any, ai: Client) -> None:
    answer = await ask(ai, "a very secret question")
    request_id = answer.id.removeprefix("chatcmpl-")
    stored = await platform.brain.desk.find(request_id)
    assert stored.end.text == ""
    assert stored.end.usage.output_tokens == answer.usage.completion_tokens
    assert "secret" not in str(stored)
    assert await platform.store.query("jobs", "unshown#user:anna#v1:") == []


# ------------------------------------------------------------------ streams


async def test_an_answer_as_a_stream(platform: Any, ai: Client) -> None:
    whole = (await ask(ai)).choices[0].message.content
    chunks = [chunk async for chunk in await ask(ai, stream=True)]
    assert len(chunks) > 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {MODEL}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    ends = [chunk.choices[0].finish_reason for chunk in chunks]
    assert ends[-1] == "stop"
    assert set(ends[:-1]) == {None}
    assert all(chunk.usage is None for chunk in chunks)


async def test_a_stream_ends_with_the_counts_if_asked_to(ai: Client) -> None:
    stream = await ask(ai, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_a_stream_that_reaches_its_limit_says_so(ai: Client) -> None:
    chunks = [chunk async for chunk in await ask(ai, stream=True, max_tokens=3)]
    assert chunks[-1].choices[0].finish_reason == "length"


async def test_a_stream_is_events_and_ends_with_done(platform: Any) -> None:
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    async with platform.http(platform.token("anna")) as http:
        answer = await http.post("/v1/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert all(event.startswith("data: {") for event in events[:-1])


async def test_streaming_does_not_depend_on_how_answers_are_shown_elsewhere(start: Any) -> None:
    async with start(enable_streaming=False) as platform, client(platform) as ai:
        chunks = [chunk async for chunk in await ask(ai, stream=True)]
    assert len(chunks) > 1


async def test_the_helper_that_gathers_a_stream(ai: Client) -> None:
    async with ai.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content


# ------------------------------------------------------------------ tools


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_calls_are_for_the_client(platform: Any, ai: Client, stream: bool) -> None:
    question: list[Any] = [{"role": "user", "content": "search for the tallest tower"}]
    if stream:
        options: Any = {"model": MODEL, "messages": question, "tools": [SEARCH]}
        async with ai.chat.completions.stream(**options) as events:
            async for _ in events:
                pass
            answer = await events.get_final_completion()
    else:
        answer = await ai.chat.completions.create(
            model=MODEL,
            messages=question,
            tools=[SEARCH],
        )
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    calls: Any = choice.message.tool_calls
    assert [call.function.name for call in calls] == ["web_search"]
    assert json.loads(calls[0].function.arguments) == {"query": "the tallest tower"}
    assert len(chats(platform)) == 1, "nobody ran it here"
    result = {"role": "tool", "tool_call_id": calls[0].id, "content": "It is 828 m tall."}
    said = choice.message.model_dump(exclude_none=True, exclude={"parsed"})
    for call in said["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    again = await ai.chat.completions.create(
        model=MODEL,
        messages=[*question, said, result],
        tools=[SEARCH],
    )
    assert "828 m" in again.choices[0].message.content
    assert chats(platform)[-1].messages[-1]["tool_name"] == "web_search"


async def test_a_choice_among_the_tools_is_kept(platform: Any, ai: Client) -> None:
    named = {"type": "function", "function": {"name": "web_search"}}
    other = {"type": "function", "function": {"name": "other"}}
    question = "search for towers"
    none = await ask(ai, question, tools=[SEARCH], tool_choice="none")
    assert none.choices[0].finish_reason == "stop"
    assert "tools" not in chats(platform)[-1].body
    one = await ask(ai, question, tools=[SEARCH, other], tool_choice=named)
    assert one.choices[0].finish_reason == "tool_calls"
    offered = chats(platform)[-1].body["tools"]
    assert [tool["function"]["name"] for tool in offered] == ["web_search"]


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("key", ["nonsense", "a.b.c", "sk-proj-123"])
async def test_a_wrong_key_is_an_authentication_error(platform: Any, key: str) -> None:
    async with client(platform, key) as ai:
        with pytest.raises(openai.AuthenticationError) as refused:
            await ask(ai)
        with pytest.raises(openai.AuthenticationError):
            await ai.models.list()
    assert refused.value.code == "auth.required"
    assert refused.value.type == "authentication_error"


async def test_the_service_token_is_nobody_here(platform: Any) -> None:
    async with client(platform, platform.brain.service_token) as ai:
        with pytest.raises(openai.AuthenticationError):
            await ask(ai)


async def test_an_unknown_model_is_not_found(platform: Any, ai: Client) -> None:
    for attempt in (ask(ai, model="gpt-9"), ask(ai, model="gpt-9", stream=True)):
        with pytest.raises(openai.NotFoundError, match="Model not available: gpt-9") as refused:
            await attempt
        assert refused.value.code == "model.unavailable"
        assert refused.value.param == "model"
    with pytest.raises(openai.NotFoundError):
        await ai.models.retrieve("gpt-9")
    assert chats(platform) == []


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": ""}),
    ("messages", {"messages": []}),
    ("messages.0.role", {"messages": [{"role": "robot", "content": "hi"}]}),
    ("messages.0.content", {"messages": [{"role": "user", "content": None}]}),
    ("messages.0.content.0", {"messages": [{"role": "user", "content": [IMAGE]}]}),
    (
        "messages.0.tool_call_id",
        {"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]},
    ),
    ("temperature", {"temperature": 3}),
    ("top_p", {"top_p": -1}),
    ("max_tokens", {"max_tokens": 0}),
    ("n", {"n": 2}),
    ("logprobs", {"logprobs": True}),
    ("seed", {"seed": 2**70}),
    ("stop", {"stop": ["a"] * 17}),
    ("response_format", {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}),
    ("tools.0", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
    ("tool_choice", {"tool_choice": "required"}),
]


@pytest.mark.parametrize(("param", "fields"), WRONG, ids=[param for param, _ in WRONG])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_served_is_a_bad_request_that_names_the_field(
    platform: Any, ai: Client, param: str, fields: dict[str, Any], stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(ai, stream=stream, **fields)
    assert str(refused.value.param).startswith(param)
    assert refused.value.type == "invalid_request_error"
    assert chats(platform) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 5000])
async def test_a_body_that_is_no_request_is_a_bad_request(platform: Any, body: bytes) -> None:
    async with platform.http(platform.token("anna")) as http:
        answer = await http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_model_for_vectors_and_one_without_tools_say_so(ai: Client) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot chat"):
        await ask(ai, model="qwen3-embedding:4b")
    with pytest.raises(openai.BadRequestError, match="cannot call tools"):
        await ask(ai, model="deepseek-ocr:3b", tools=[SEARCH])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_the_model_cannot_see_whole_is_a_bad_request(
    ai: Client, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(ai, "word " * 40_000, stream=stream)
    assert refused.value.code == "chat.too_long"


def test_a_failure_has_the_same_status_whether_raised_or_sent_as_a_frame() -> None:
    for kind in kinds_of(BoundaryError):
        # Other services' tests may run in this process; their failures never come through here.
        if kind.code in STATUS and kind.__module__.startswith(("brain.", "shared.")):
            status = 400 if kind.status == 422 else kind.status
            assert STATUS[kind.code] == status, kind


def kinds_of(kind: type[BoundaryError]) -> list[type[BoundaryError]]:
    return [kind, *(one for below in kind.__subclasses__() for one in kinds_of(below))]


def test_a_spent_budget_is_a_rate_limit_no_client_should_wait_for() -> None:
    sentence = "Weekly token budget exceeded."
    failed = Failed(ask_id="a", code="budget.exceeded", message=sentence, retryable=True)
    response = response_of(Reported(failed))
    assert response.status_code == 429
    assert response.headers["x-should-retry"] == "false"
    error = {"message": sentence, "type": "rate_limit_error", "param": None}
    assert json.loads(bytes(response.body)) == {"error": error | {"code": "budget.exceeded"}}


async def test_a_full_queue_is_said_at_once_and_may_be_tried_again(start: Any) -> None:
    async with (
        start(queue_workers=1, max_queue_size=1, speed=1) as platform,
        client(platform) as ai,
        anyio.create_task_group() as tasks,
    ):
        for number in (1, 2):
            tasks.start_soon(ask, ai, f"count to {number}000")
            await until(lambda n=number: len(known(platform)) == n)
        with pytest.raises(openai.InternalServerError, match="Queue is full") as refused:
            await ask(ai, stream=True)
        assert refused.value.status_code == 503
        assert refused.value.code == "queue.full"
        assert refused.value.response.headers["x-should-retry"] == "true"
        tasks.cancel_scope.cancel()


def known(platform: Any) -> list[Any]:
    queue = platform.brain.queue
    return [*queue.waiting(), *range(queue.running_count)]


async def test_what_is_set_aside_grows_with_all_that_is_brought_along(start: Any) -> None:
    limits = {"disable_token_budget": False, "free_tier_weekly_budget": 9_000}
    said: Any = [{"role": role, "content": "word " * 1_000} for role in ("user", "assistant")]
    async with start(**limits, speed=1) as platform, client(platform) as ai:
        budget = platform.brain.budget
        running = {"model": MODEL, "messages": [*said, *HELLO], "stream": True}
        async with await ai.chat.completions.create(**running):
            held = (await budget.standing("anna", "free")).reserved
            assert held == 1_000 + (10_000 + len("hello there")) // 3
            with pytest.raises(openai.RateLimitError, match="Weekly token budget exceeded"):
                await ai.chat.completions.create(**running | {"messages": [*said, *said]})
        await until(lambda: at_rest(platform))


async def test_a_failing_server_is_tried_again_unseen(platform: Any, ai: Client) -> None:
    platform.rehearsal.faults.add([Fault(kind="error", model=MODEL)])
    assert (await ask(ai)).choices[0].message.content
    assert len(chats(platform)) == 2


@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_that_keeps_failing_is_an_error_not_to_be_repeated(
    start: Any, stream: bool
) -> None:
    async with start(max_retries=1) as platform, client(platform, max_retries=2) as ai:
        platform.rehearsal.faults.add([Fault(kind="error", model=MODEL, times="forever")])
        with pytest.raises(openai.InternalServerError) as refused:
            await ask(ai, stream=stream)
        assert refused.value.status_code == 502
        assert refused.value.code == "backend.failed"
        assert len(chats(platform)) == 1


async def text_of_next(stream: Any) -> str:
    return str((await anext(stream)).choices[0].delta.content or "")


async def text_of_rest(stream: Any) -> str:
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def test_a_stream_that_breaks_off_says_so_and_is_not_begun_anew(
    platform: Any, ai: Client
) -> None:
    platform.rehearsal.faults.add([Fault(kind="drop", model=MODEL, after_tokens=4)])
    stream = await ask(ai, stream=True)
    said = (await anext(stream)).choices[0].delta.content + await text_of_next(stream)
    with pytest.raises(openai.APIError, match="broke off") as failure:
        await text_of_rest(stream)
    assert failure.value.code == "backend.failed"
    assert said
    await until(lambda: at_rest(platform))
    assert len(chats(platform)) == 1


# ------------------------------------------------------------------ leaving


@pytest.mark.parametrize("model", [MODEL, "auto"])
async def test_closing_the_stream_stops_the_model_at_once(start: Any, model: str) -> None:
    async with start(speed=1) as platform, client(platform) as ai:
        stream = await ask(ai, "count to 5000", model=model, stream=True)
        async for chunk in stream:
            if (chunk.choices[0].delta.content or "").strip():
                break
        left_at = anyio.current_time()
        await stream.close()
        entry = chats(platform)[-1]
        await until(lambda: entry.disconnected is not None)
        assert entry.disconnected - left_at <= CLOSED_WITHIN_SECONDS
        await until(lambda: at_rest(platform))
        assert [one async for one in open_jobs(platform)] == []


async def open_jobs(platform: Any) -> AsyncIterator[Any]:
    with anyio.fail_after(LIMIT_SECONDS):
        while rows := await platform.store.query("jobs", "open"):
            await anyio.sleep(0.005)
    for row in rows:
        yield row


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_in_a_silent_prefill_stops_the_model_at_once(
    platform: Any, ai: Client, stream: bool
) -> None:
    await ask(ai)
    platform.rehearsal.faults.add([Fault(kind="hang", model=MODEL)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: ask(ai, stream=stream))
        await until(lambda: len(chats(platform)) == 2 and chats(platform)[-1].started)
        left_at = anyio.current_time()
        tasks.cancel_scope.cancel()
    entry = chats(platform)[-1]
    await until(lambda: entry.disconnected is not None)
    assert entry.disconnected - left_at <= CLOSED_WITHIN_SECONDS
    await until(lambda: at_rest(platform))


async def test_leaving_the_queue_frees_the_place(start: Any) -> None:
    async with start(queue_workers=1, speed=1) as platform, client(platform) as ai:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, ai, "count to 5000")
            await until(lambda: len(known(platform)) == 1)
            async with anyio.create_task_group() as waiting:
                waiting.start_soon(ask, ai, "hello")
                await until(lambda: len(platform.brain.queue.waiting()) == 1)
                waiting.cancel_scope.cancel()
            await until(lambda: not platform.brain.queue.waiting())
            await until(lambda: platform.brain.queue.running_count == 1)
            assert chats(platform) == [] or chats(platform)[0].ended is None
            tasks.cancel_scope.cancel()
        await until(lambda: at_rest(platform))


async def test_a_silent_stream_is_kept_open_with_comments(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten seconds is a constant nobody tunes; a test cannot wait for it.
    monkeypatch.setattr("brain.api.openai.answer.KEEP_ALIVE_SECONDS", 0.05)
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    async with start(speed=20) as platform, platform.http(platform.token("anna")) as http:
        platform.rehearsal.faults.add([Fault(kind="slow", model=MODEL, on="load", factor=9.0)])
        answer = await http.post("/v1/chat/completions", json=body)
    assert answer.text.startswith(": waiting\n\n")
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_a_request_found_at_start_is_ended_and_not_run(start: Any) -> None:
    async with (
        start(queue_workers=1, speed=1) as platform,
        client(platform) as ai,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(lambda: ask(ai, "count to 5000", stream=True))
        await until(lambda: chats(platform) and chats(platform)[-1].tokens)
        rows = await platform.store.query("jobs", "open")
        platform.outage.begin()  # it dies without writing an end
        tasks.cancel_scope.cancel()
    request_id = rows[0].item["request_id"]
    async with start() as platform:
        with anyio.fail_after(LIMIT_SECONDS):
            while (stored := await platform.brain.desk.find(request_id)).end is None:
                await anyio.sleep(0.01)
        assert stored.end.code == "chat.cancelled"
        assert chats(platform) == []
        assert stored.job.kind == "completion"


# ------------------------------------------------------------------ many, and other clients


async def test_fifty_at_once_are_answered_each_with_its_own(start: Any) -> None:
    answers: dict[int, str] = {}

    async def one(ai: Client, number: int) -> None:
        text = f"What is {number} + {number}?"
        if number % 2:
            answer = await ask(ai, text)
            answers[number] = answer.choices[0].message.content
        else:
            stream = await ask(ai, text, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            answers[number] = "".join(parts)

    async with start() as platform, client(platform) as ai:
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(one, ai, number)
        await until(lambda: at_rest(platform))
        assert len(platform.brain.outboxes) == 0
    assert len(answers) == 50
    assert all(str(2 * n) in text.split("\n")[0] for n, text in answers.items())


async def test_the_client_that_blocks_works_too(platform: Any) -> None:
    def talk() -> tuple[str | None, str]:
        url = f"{platform.url}/v1"
        opened: Any = OpenAI(base_url=url, api_key=platform.token("anna"), max_retries=0)
        with opened as ai:
            whole = ai.chat.completions.create(model=MODEL, messages=HELLO)
            stream = ai.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
            parts = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            return whole.choices[0].message.content, parts

    whole, parts = await anyio.to_thread.run_sync(talk)
    assert whole == parts


# ------------------------------------------------------------------ personal API keys


@dataclass
class Keys:
    """What the brain asks the auth service about keys, on a real port."""

    owners: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: int = 0
    url: str = ""

    async def verify(self, request: web.Request) -> web.Response:
        self.asked += 1
        owner = self.owners.get((await request.json())["key"])
        if owner is None:
            error = {"code": "not_found", "message": "No such key.", "retryable": False}
            return web.json_response({"error": error}, status=404)
        return web.json_response(owner)


@asynccontextmanager
async def auth_service() -> AsyncIterator[Keys]:
    keys = Keys()
    app = web.Application()
    app.router.add_post("/keys/verify", keys.verify)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        keys.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield keys
    finally:
        await runner.cleanup()


BERTA = {"user_id": "berta", "name": "Berta", "role": "user", "key_id": "k1"}


async def test_a_personal_key_asks_as_its_owner(start: Any) -> None:
    async with auth_service() as keys, start(auth_url=keys.url) as platform:
        keys.owners["tr-right"] = BERTA
        async with client(platform, "tr-right") as ai:
            answer = await ask(ai)
            await ask(ai)
        stored = await platform.brain.desk.find(answer.id.removeprefix("chatcmpl-"))
        assert (stored.job.user_id, stored.job.user_name) == ("berta", "Berta")
        assert keys.asked == 1
        async with client(platform, "tr-wrong") as ai:
            with pytest.raises(openai.AuthenticationError, match="make a new one"):
                await ask(ai)


async def test_a_key_is_for_v1_only(start: Any) -> None:
    async with auth_service() as keys, start(auth_url=keys.url) as platform:
        keys.owners["tr-right"] = BERTA
        async with platform.http("tr-right") as http:
            ask = {"conversation_id": "c", "text": "hello"}
            assert (await http.post("/api/discord/message", json=ask)).status_code == 401


async def test_while_auth_is_away_keys_wait_for_it(platform: Any) -> None:
    async with client(platform, "tr-right") as ai:
        with pytest.raises(openai.InternalServerError) as refused:
            await ask(ai)
    assert refused.value.response.headers["x-should-retry"] == "true"


async def test_a_sign_in_needs_no_auth_service(platform: Any) -> None:
    headers = {"Authorization": f"Bearer {platform.token('anna')}"}
    async with httpx.AsyncClient(base_url=platform.url, headers=headers) as http:
        assert (await http.get("/v1/models")).status_code == 200
