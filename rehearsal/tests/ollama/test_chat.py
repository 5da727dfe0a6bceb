"""Answers over the real `ollama` client, and line by line where the client hides something."""

from typing import Any

import aiohttp
import orjson
import pytest
from ollama import AsyncClient, ResponseError

from rehearsal import Servers
from rehearsal.replies import SIGN

FINAL_COUNTS = ("prompt_eval_count", "eval_count", "total_duration", "load_duration")
SEARCH: dict[str, Any] = {
    "type": "function",
    "function": {"name": "web_search", "parameters": {"type": "object", "properties": {}}},
}


def hello(content: str = "Hello") -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


async def lines(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> list[Any]:
    async with http.post(url, json=body) as answer:
        assert answer.status == 200
        return [orjson.loads(line) async for line in answer.content]


async def test_a_stream_puts_the_answer_together(client: AsyncClient) -> None:
    chunks = [
        chunk async for chunk in await client.chat("rnj-1:8b", hello("Solve x^2 = 9"), stream=True)
    ]
    text = "".join(chunk.message.content or "" for chunk in chunks)
    assert "**x = 3** or **x = -3**" in text
    assert text.endswith(SIGN)
    last = chunks[-1]
    assert (last.done, last.done_reason) == (True, "stop")
    assert all(getattr(last, name) > 0 for name in FINAL_COUNTS)
    assert len(chunks) - 1 == last.eval_count


async def test_a_whole_answer_is_one_object(client: AsyncClient) -> None:
    answer = await client.chat("rnj-1:8b", hello())
    assert answer.message.content is not None
    assert answer.message.content.startswith("Hello!")
    assert answer.done_reason == "stop"


async def test_generate_answers_a_prompt(client: AsyncClient) -> None:
    answer = await client.generate("rnj-1:8b", "count to 3")
    assert (answer.response or "").startswith("1 2 3")
    pieces = [
        part.response or ""
        async for part in await client.generate("rnj-1:8b", "count to 3", stream=True)
    ]
    assert "".join(pieces) == answer.response


@pytest.mark.parametrize(
    ("model", "think", "thinks"),
    [
        ("deepseek-r1:70b", None, True),
        ("deepseek-r1:70b", True, True),
        ("deepseek-r1:70b", False, False),
        ("gpt-oss:20b", "high", True),
        ("gpt-oss:20b", False, True),
        ("rnj-1:8b", None, False),
        ("rnj-1:8b", False, False),
    ],
)
async def test_thinking_comes_apart_from_the_answer(
    client: AsyncClient, model: str, think: Any, thinks: bool
) -> None:
    answer = await client.chat(model, hello(), think=think)
    assert bool(answer.message.thinking) is thinks
    assert "rehearsed thinking" not in (answer.message.content or "")


async def test_thinking_streams_before_the_text(client: AsyncClient) -> None:
    stream = await client.chat("gpt-oss:20b", hello(), stream=True, think="low")
    kinds = ["think" if chunk.message.thinking else "text" async for chunk in stream]
    assert kinds.index("text") == kinds.count("think") > 0


async def test_more_thinking_is_longer_thinking(client: AsyncClient) -> None:
    low = await client.chat("gpt-oss:20b", hello(), think="low")
    high = await client.chat("gpt-oss:20b", hello(), think="high")
    assert len(high.message.thinking or "") > len(low.message.thinking or "")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"model": "nobody:1b"}, 404, "model 'nobody:1b' not found"),
        ({"model": "llama3.2:3b"}, 404, "model 'llama3.2:3b' not found"),
        ({}, 400, "model is required"),
        ({"model": "rnj-1:8b", "think": True}, 400, '"rnj-1:8b" does not support thinking'),
        ({"model": "gpt-oss:20b", "think": "hard"}, 400, 'invalid think value: "hard"'),
        ({"model": "deepseek-ocr:3b", "tools": [SEARCH]}, 400, "does not support tools"),
        ({"model": "qwen3-embedding:4b"}, 400, '"qwen3-embedding:4b" does not support chat'),
        ({"model": "rnj-1:8b", "keep_alive": "300"}, 400, 'missing unit in duration "300"'),
        ({"model": "rnj-1:8b", "format": "yaml"}, 400, 'invalid format: "yaml"'),
        ({"model": "rnj-1:8b", "options": {"num_ctx": "x"}}, 400, 'option "num_ctx" must be'),
        ({"model": "rnj-1:8b", "messages": [{"role": "god"}]}, 400, "messages.0.role"),
    ],
)
async def test_a_wrong_request_is_refused_in_the_words_of_ollama(
    servers: Servers, http: aiohttp.ClientSession, body: dict[str, Any], status: int, message: str
) -> None:
    full = {"messages": hello(), **body}
    async with http.post(f"{servers.ollama_url}/api/chat", json=full) as answer:
        assert answer.status == status
        assert message in (await answer.json())["error"]


async def test_a_body_that_is_no_json_is_refused(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    for raw in (b"", b"{", b"[]"):
        async with http.post(f"{servers.ollama_url}/api/chat", data=raw) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]


async def test_an_image_needs_a_model_that_sees(client: AsyncClient) -> None:
    message = {"role": "user", "content": "What is this?", "images": ["aGk="]}
    answer = await client.chat("ministral-3:14b", [message])
    assert "1 image came with it." in (answer.message.content or "")
    with pytest.raises(ResponseError, match="does not support vision"):
        await client.chat("rnj-1:8b", [message])


async def test_a_tool_call_comes_whole_and_its_result_is_answered(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    url = f"{servers.ollama_url}/api/chat"
    messages = hello("search for blue whales")
    body = {"model": "rnj-1:8b", "messages": messages, "tools": [SEARCH]}
    called = await lines(http, url, body)
    (calling,) = [line for line in called if line["message"].get("tool_calls")]
    (call,) = calling["message"]["tool_calls"]
    assert call["id"].startswith("call_")
    assert call["function"] == {
        "index": 0,
        "name": "web_search",
        "arguments": {"query": "blue whales"},
    }
    assert called[-1]["done_reason"] == "stop"
    messages = [
        *messages,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "They are large.", "tool_name": "web_search"},
    ]
    answered = await lines(http, url, {**body, "messages": messages})
    assert "They are large." in "".join(line["message"]["content"] for line in answered)


async def test_an_answer_follows_a_schema(client: AsyncClient) -> None:
    schema = {
        "type": "object",
        "properties": {
            "route": {"enum": ["math", "simple_code", "general"]},
            "confidence": {"type": "number"},
        },
    }
    answer = await client.chat("gpt-oss:20b", hello("What is 3 + 4?"), format=schema)
    assert orjson.loads(answer.message.content or "") == {"route": "math", "confidence": 0.9}
    free = await client.chat("gpt-oss:20b", hello(), format="json")
    assert isinstance(orjson.loads(free.message.content or ""), dict)


async def test_the_answer_stops_at_num_predict(client: AsyncClient) -> None:
    answer = await client.chat("rnj-1:8b", hello("count to 50"), options={"num_predict": 7})
    assert (answer.done_reason, answer.eval_count) == ("length", 7)
    assert answer.message.content == "1 2 3 4 5 6 7"


async def test_what_does_not_fit_the_context_is_forgotten(
    servers: Servers, http: aiohttp.ClientSession, client: AsyncClient
) -> None:
    messages = [
        {"role": "user", "content": "plums " * 300},
        {"role": "assistant", "content": "Fine."},
        {"role": "user", "content": "What did I ask before?"},
    ]
    options = {"num_ctx": 100}
    answer = await client.chat("rnj-1:8b", messages, options=options)
    assert "plums" not in (answer.message.content or "")
    assert (answer.prompt_eval_count or 0) <= 100
    body = {"model": "rnj-1:8b", "messages": messages, "options": options, "truncate": False}
    async with http.post(f"{servers.ollama_url}/api/chat", json=body) as refused:
        assert refused.status == 400
        assert (await refused.json())["error"] == "the input length exceeds the context length"
