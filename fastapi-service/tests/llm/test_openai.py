"""The ways in which OpenAI-style servers differ from each other and from the reference."""

from typing import Any

import pytest

from brain.llm.dialect import Stop
from brain.llm.errors import ContextExceeded
from brain.llm.messages import Call, Text, Thinking
from brain.llm.openai import OpenAIReader
from brain.vram.errors import BackendFailed, LoadFailed


def delta(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode()


STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


async def test_a_missing_usage_counts_as_zero(puppet: Any, puppet_talk: Any) -> None:
    puppet.lines = [delta("hi"), STOP, DONE]
    async with puppet_talk(puppet) as talk:
        answer = await talk.ask("puppet", "hello")
    assert answer.text == "hi"
    assert (answer.finished.input_tokens, answer.finished.output_tokens) == (0, 0)


async def test_events_cut_anywhere_come_out_whole(puppet: Any, puppet_talk: Any) -> None:
    whole = b": a comment\n\nevent: message\n" + delta("grün") + delta("e Wörter") + STOP + DONE
    puppet.lines = [whole[n : n + 1] for n in range(len(whole))]
    async with puppet_talk(puppet) as talk:
        assert (await talk.ask("puppet", "hello")).text == "grüne Wörter"


async def test_a_stream_without_an_end_is_a_failure(puppet: Any, puppet_talk: Any) -> None:
    puppet.lines = [delta("half an ans")]
    async with puppet_talk(puppet) as talk:
        with pytest.raises(BackendFailed, match="before the answer did"):
            await talk.ask("puppet", "hello")


async def test_an_answer_without_any_event_is_a_failure(puppet: Any, puppet_talk: Any) -> None:
    async with puppet_talk(puppet) as talk:
        with pytest.raises(BackendFailed):
            await talk.ask("puppet", "hello")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"error":{"message":"This model\'s maximum context length is 4096"}}', "too_long"),
        (400, b'{"error":"request exceeds the available context size"}', "too_long"),
        (400, b'{"error":{"message":"bad temperature"}}', "status 400"),
        (500, b"Internal Server Error", "Internal Server Error"),
        (500, b'{"error":{"message":"CUDA out of memory"}}', "not enough memory"),
    ],
)
async def test_a_refusal_is_understood(
    puppet: Any, puppet_talk: Any, status: int, body: bytes, error: str
) -> None:
    puppet.status, puppet.lines = status, [body]
    async with puppet_talk(puppet) as talk:
        if error == "too_long":
            with pytest.raises(ContextExceeded):
                await talk.ask("puppet", "hello")
        else:
            with pytest.raises((BackendFailed, LoadFailed), match=error):
                await talk.ask("puppet", "hello")


async def test_nothing_is_sent_that_a_server_might_not_know(puppet: Any, puppet_talk: Any) -> None:
    puppet.lines = [delta("hi"), STOP, DONE]
    async with puppet_talk(puppet) as talk:
        await talk.ask("puppet", "hello")
    assert puppet.bodies[0].keys() == {"model", "messages", "stream", "stream_options"}


def said(*lines: bytes) -> list[object]:
    reader = OpenAIReader("m")
    return [*(one for line in lines for one in reader.feed(line.strip())), *reader.end()]


def test_thinking_has_two_names() -> None:
    assert said(
        b'data: {"choices":[{"delta":{"reasoning_content":"a"}}]}',
        b'data:{"choices":[{"delta":{"reasoning":"b","content":"c"}}]}',
    ) == [Thinking("a"), Thinking("b"), Text("c")]


def test_the_pieces_of_two_tool_calls_are_put_together() -> None:
    call = b'data: {"choices":[{"delta":{"tool_calls":[%s]}}]}'
    pieces = (
        b'{"index":0,"id":"x","function":{"name":"f","arguments":"{\\"a\\""}}',
        b'{"index":1,"id":"y","function":{"name":"g","arguments":""}}',
        b'{"index":0,"function":{"arguments":":1}"}}',
    )
    end = b'data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}'
    assert said(*(call % piece for piece in pieces), end) == [
        Call("x", "f", {"a": 1}),
        Call("y", "g", {}),
        Stop("end", 0, 0),
    ]


def test_arguments_that_are_not_json_are_a_failure() -> None:
    with pytest.raises(BackendFailed, match="called f"):
        said(
            b'data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f",'
            b'"arguments":"{oops"}}]},"finish_reason":"tool_calls"}]}'
        )


@pytest.mark.parametrize("line", [b"data: {oops", b"data: [1]"])
def test_what_is_not_a_json_object_is_a_failure(line: bytes) -> None:
    with pytest.raises(BackendFailed, match="not"):
        said(line)


def test_an_error_in_place_of_an_event_is_understood() -> None:
    with pytest.raises(LoadFailed):
        said(b'{"error":{"message":"failed to allocate buffer"}}')
