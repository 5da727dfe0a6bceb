"""A conversation continued as it is: nothing added, nothing run, only what was asked for."""

from contextlib import aclosing
from typing import Any

import anyio
import pytest

from brain.llm.messages import (
    Call,
    Finished,
    Leased,
    Piece,
    Result,
    Sampling,
    Script,
    Text,
    Tool,
    Turn,
)

BOTH = pytest.mark.parametrize("model", ["rnj-1:8b", "remote"])
CLOSED_WITHIN_SECONDS = 0.05
WARMTH = Tool("temperature", "The temperature in a city.", {"type": "object", "properties": {}})


async def complete(talk: Any, model: str, *turns: Turn | Result, **fields: Any) -> list[Any]:
    script = Script(model=model, turns=turns or (Turn("user", "hello"),), **fields)
    async with aclosing(talk.speaker.complete(script)) as stream:
        pieces: list[Piece | Call] = [piece async for piece in stream]
    assert isinstance(pieces[0], Leased)
    return pieces


def text(pieces: list[Any]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


@BOTH
async def test_an_answer_ends_with_the_servers_counts(talk: Any, model: str) -> None:
    pieces = await complete(talk, model)
    assert text(pieces).startswith("You asked: hello")
    finished = pieces[-1]
    assert isinstance(finished, Finished)
    assert finished.input_tokens > 0
    assert finished.output_tokens > 3


@BOTH
async def test_the_conversation_arrives_as_it_was_written(talk: Any, model: str) -> None:
    await complete(
        talk,
        model,
        Turn("system", "Be brief."),
        Turn("user", "one"),
        Turn("assistant", "", calls=(Call("x", "temperature", {"city": "Oslo"}),)),
        Result("x", "temperature", "4 degrees"),
        Turn("assistant", "four"),
        Turn("system", "Now be long."),
        Turn("user", "two"),
    )
    said = talk.requests()[-1].messages
    assert [(one["role"], one["text"]) for one in said] == [
        ("system", "Be brief."),
        ("user", "one"),
        ("assistant", ""),
        ("tool", "4 degrees"),
        ("assistant", "four"),
        ("system", "Now be long."),
        ("user", "two"),
    ]
    assert said[2]["calls"] == [{"name": "temperature", "arguments": {"city": "Oslo"}}]
    assert said[3]["tool_name"] == "temperature"


@BOTH
async def test_tools_that_are_called_are_given_out_and_not_run(talk: Any, model: str) -> None:
    pieces = await complete(talk, model, Turn("user", "how warm is it?"), tools=(WARMTH,))
    calls = [piece for piece in pieces if isinstance(piece, Call)]
    assert [(call.name, call.arguments["city"]) for call in calls] == [
        ("temperature", "Oslo"),
        ("temperature", "Rome"),
    ]
    assert calls[0].id != calls[1].id
    assert len(talk.requests()) == 1


async def test_options_of_one_request_do_not_load_a_model_again(talk: Any) -> None:
    sampling = Sampling(
        max_tokens=9, temperature=0.5, top_p=0.9, seed=7, stop=("a", "b"), presence_penalty=0.1
    )
    await complete(talk, "rnj-1:8b")
    await complete(talk, "rnj-1:8b", sampling=sampling)
    await talk.ask("rnj-1:8b", "hello")
    record = talk.servers.rehearsal.record
    assert record.count("load_started", "rnj-1:8b") == 1
    assert record.count("reloaded", "rnj-1:8b") == 0
    options = [one.body["options"] for one in talk.requests()]
    assert options[0] == options[2]
    assert options[1] == options[0] | {
        "num_predict": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["a", "b"],
        "presence_penalty": 0.1,
    }


async def test_an_openai_style_server_gets_the_same_options(talk: Any) -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, seed=7, stop=("a",), frequency_penalty=0.2)
    await complete(talk, "remote", sampling=sampling, tools=(WARMTH,), tool_choice="required")
    body = talk.requests()[-1].body
    assert {name: body.get(name) for name in ("temperature", "top_p", "seed", "stop")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["a"],
    }
    assert (body["frequency_penalty"], body["tool_choice"]) == (0.2, "required")
    await complete(talk, "remote")
    body = talk.requests()[-1].body
    assert not {"temperature", "top_p", "seed", "stop", "tools", "tool_choice"} & body.keys()


@BOTH
async def test_an_answer_can_be_held_to_a_form(talk: Any, model: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    for wanted in (schema, "json"):
        assert text(await complete(talk, model, schema=wanted)).startswith("{")
    form = "format" if model == "rnj-1:8b" else "response_format"
    assert [one.body[form] for one in talk.requests()] == (
        [schema, "json"]
        if form == "format"
        else [
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
            {"type": "json_object"},
        ]
    )


@BOTH
async def test_leaving_early_reaches_the_server_at_once(talk: Any, until: Any, model: str) -> None:
    await complete(talk, model)
    script = Script(model=model, turns=(Turn("user", "count to 5000"),))
    async with aclosing(talk.speaker.complete(script)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Text):
                break
        left_at = anyio.current_time()
    entry = talk.requests()[-1]
    await until(lambda: entry.disconnected is not None)
    assert entry.disconnected - left_at <= CLOSED_WITHIN_SECONDS
    await until(lambda: talk.leases() == 0)
