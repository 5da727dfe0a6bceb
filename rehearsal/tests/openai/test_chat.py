"""Completions as SGLang and vLLM send them, streamed and whole."""

from typing import Any

import aiohttp
import orjson
import pytest

from rehearsal import Fault, Rehearsal, Servers
from rehearsal.replies import SIGN

MODEL = "gpt-oss-120b-eagle3"
SEARCH = {"type": "function", "function": {"name": "web_search", "parameters": {}}}


def body(content: Any = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **more}


async def whole(
    http: aiohttp.ClientSession, servers: Servers, asked: dict[str, Any]
) -> tuple[int, Any]:
    url = f"{servers.openai_url}/v1/chat/completions"
    async with http.post(url, json=asked) as answer:
        return answer.status, await answer.json()


async def events(http: aiohttp.ClientSession, servers: Servers, asked: dict[str, Any]) -> list[Any]:
    """The events of a stream that must end as it should."""
    url = f"{servers.openai_url}/v1/chat/completions"
    async with http.post(url, json={**asked, "stream": True}) as answer:
        assert answer.content_type == "text/event-stream"
        text = await answer.text()
    *found, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [orjson.loads(event.removeprefix("data: ")) for event in found]


async def test_models_are_listed(servers: Servers, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{servers.openai_url}/v1/models") as answer:
        listed = await answer.json()
    assert [model["id"] for model in listed["data"]] == [MODEL]


async def test_a_stream_puts_thinking_and_answer_together(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    found = await events(http, servers, body(stream_options={"include_usage": True}))
    deltas = [event["choices"][0]["delta"] for event in found if event["choices"]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    text = "".join(delta.get("content", "") for delta in deltas)
    assert text.startswith("Hello!")
    assert text.endswith(SIGN)
    assert "rehearsed thinking" in "".join(d.get("reasoning_content", "") for d in deltas)
    assert found[-2]["choices"][0]["finish_reason"] == "stop"
    usage = found[-1]["usage"]
    assert found[-1]["choices"] == []
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_usage_comes_only_where_it_is_wanted(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    assert not any("usage" in event for event in await events(http, servers, body()))


async def test_a_whole_answer_has_its_usage(servers: Servers, http: aiohttp.ClientSession) -> None:
    status, answer = await whole(http, servers, body("Solve x^2 - 9 = 0"))
    assert status == 200
    assert "**x = 3** or **x = -3**" in answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0


async def test_thinking_can_be_switched_off(servers: Servers, http: aiohttp.ClientSession) -> None:
    asked = body(chat_template_kwargs={"enable_thinking": False})
    _, answer = await whole(http, servers, asked)
    assert "reasoning_content" not in answer["choices"][0]["message"]


async def test_the_arguments_of_a_tool_call_come_in_pieces(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    asked = body("search for blue whales", tools=[SEARCH])
    found = await events(http, servers, asked)
    calls = [call for event in found for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert len(calls) > 2
    assert calls[0]["function"] == {"name": "web_search", "arguments": ""}
    joined = "".join(call["function"]["arguments"] for call in calls)
    assert orjson.loads(joined) == {"query": "blue whales"}
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"

    call = {"id": calls[0]["id"], "type": "function"}
    call["function"] = {"name": "web_search", "arguments": joined}
    asked["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "They are large."},
    ]
    _, answer = await whole(http, servers, asked)
    assert "`web_search`: They are large." in answer["choices"][0]["message"]["content"]


async def test_a_whole_tool_call_is_one_message(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    _, answer = await whole(http, servers, body("search for whales", tools=[SEARCH]))
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "web_search"


async def test_an_answer_follows_a_schema(servers: Servers, http: aiohttp.ClientSession) -> None:
    schema = {"type": "object", "properties": {"route": {"enum": ["math", "general"]}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "r", "schema": schema}}
    _, answer = await whole(http, servers, body("3 + 4", response_format=wanted))
    assert orjson.loads(answer["choices"][0]["message"]["content"]) == {"route": "math"}


async def test_the_answer_stops_at_max_tokens(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    off = {"enable_thinking": False}
    asked = body([{"type": "text", "text": "count to 50"}], max_tokens=4, chat_template_kwargs=off)
    _, answer = await whole(http, servers, asked)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["choices"][0]["message"]["content"] == "1 2 3 4"


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"model": "nobody"}, 404, "model_not_found", "The model `nobody` does not exist."),
        ({"messages": []}, 400, None, "messages: "),
        ({"response_format": {"type": "json_schema"}}, 400, None, "json_schema.schema is missing"),
        (
            {"messages": [{"role": "user", "content": "long " * 140_000}]},
            400,
            "context_length_exceeded",
            "exceeds the context length",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            400,
            None,
            "does not support vision",
        ),
    ],
)
async def test_a_wrong_request_is_refused_in_the_shape_of_openai(
    servers: Servers,
    http: aiohttp.ClientSession,
    change: dict[str, Any],
    status: int,
    code: str | None,
    message: str,
) -> None:
    answered, answer = await whole(http, servers, body(**change) if change else body())
    assert answered == status
    assert message in answer["error"]["message"]
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["error"]["code"] == code


async def test_faults_hit_this_door_too(
    stage: Rehearsal, servers: Servers, http: aiohttp.ClientSession
) -> None:
    stage.faults.add([Fault(kind="error", message="early"), Fault(kind="error", after_tokens=2)])
    status, answer = await whole(http, servers, body())
    assert (status, answer["error"]["type"]) == (500, "server_error")
    found = await events(http, servers, body())
    assert found[-1]["error"]["message"] == "rehearsed failure"
    stage.faults.add([Fault(kind="drop", after_tokens=2)])
    with pytest.raises(aiohttp.ClientPayloadError):
        await events(http, servers, body())
    stage.faults.add([Fault(kind="vanish", times=2)])
    assert (await whole(http, servers, body()))[0] == 404
    async with http.get(f"{servers.openai_url}/v1/models") as listed:
        assert (await listed.json())["data"] == []


async def test_a_server_may_forget_its_usage(
    stage: Rehearsal, servers: Servers, http: aiohttp.ClientSession
) -> None:
    stage.faults.add([Fault(kind="uncounted", times=2)])
    assert "usage" not in (await whole(http, servers, body()))[1]
    asked = body(stream_options={"include_usage": True})
    assert not any("usage" in event for event in await events(http, servers, asked))
