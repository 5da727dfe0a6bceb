"""The frames of both sockets: every kind, every kind of nonsense."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.protocol import (
    Ack,
    Artifact,
    Ask,
    AskOptions,
    Attachment,
    Budget,
    Cancel,
    Close,
    Delta,
    Done,
    Failed,
    Hello,
    Malformed,
    Notice,
    Ping,
    Pong,
    Queued,
    Reset,
    Source,
    Status,
    Summarize,
    Thinking,
    Timings,
    ToBrain,
    ToClient,
    UnknownType,
    Usage,
    Welcome,
    encode,
    parse_to_brain,
    parse_to_client,
)

TO_BRAIN: list[ToBrain] = [
    Hello(client_id="c", protocol=1),
    Hello(client_id="c", protocol=1, session_id="s", after=7),
    Ask(ask_id="a", conversation_id="v", text="Why?"),
    Ask(
        ask_id="a",
        user_id="discord:1",
        user_name="Ada",
        conversation_id="discord:9",
        text="",
        attachments=[
            Attachment(filename="a.txt", content_type="text/plain", size=3, data_base64="YWJj"),
            Attachment(filename="b.png", file_id="f1"),
            Attachment(filename="c.png", url="https://example.org/c.png"),
        ],
        options=AskOptions(
            route="math", model="gpt-oss:20b", think="high", web_search=True, persona="x"
        ),
        surface="discord",
    ),
    Cancel(ask_id="a"),
    Reset(conversation_id="v", user_id="u", ask_id="a"),
    Summarize(conversation_id="v", ask_id="a"),
    Close(conversation_id="v", ask_id="a"),
    Ack(seq=12),
    Ping(),
]

TO_CLIENT: list[ToClient] = [
    Welcome(session_id="s", protocol=1, resumed=True),
    Pong(),
    Queued(ask_id="a", request_id="r", position=3, maintenance=True),
    Status(ask_id="a", stage="loading_model", model="rnj-1:8b", eta_seconds=3.5),
    Delta(ask_id="a", attempt=2, text="Grüße 🎉"),
    Thinking(ask_id="a", text="hm"),
    Artifact(
        ask_id="a", artifact_id="x", filename="f.py", media_type="text/x-python", size=1, url="/x"
    ),
    Done(
        ask_id="a",
        request_id="r",
        text="42",
        route="math",
        model="m",
        why="rule",
        sources=[Source(title="t", url="u")],
        usage=Usage(input_tokens=1, output_tokens=2),
        budget=Budget(used=1, limit=2, resets_at="2026-01-01T00:00:00.000Z"),
        timings=Timings(queued_ms=1, first_token_ms=5, total_ms=9),
    ),
    Failed(ask_id=None, code="protocol.malformed", message="…", retryable=False),
    Notice(code="maintenance", message="…"),
]

REQUIRED = {
    "hello": ["client_id", "protocol"],
    "ask": ["ask_id", "conversation_id", "text"],
    "cancel": ["ask_id"],
    "reset": ["conversation_id", "ask_id"],
    "summarize": ["conversation_id", "ask_id"],
    "close": ["conversation_id", "ask_id"],
    "ack": ["seq"],
}
COMPLETE: dict[str, Any] = {
    "client_id": "c", "protocol": 1, "ask_id": "a", "conversation_id": "v", "text": "t", "seq": 1,
}  # fmt: skip


def _json(**fields: Any) -> bytes:
    return orjson.dumps(fields)


@pytest.mark.parametrize("frame", TO_BRAIN, ids=lambda frame: frame.type)
def test_every_frame_to_the_brain_is_read_back_as_it_was(frame: ToBrain) -> None:
    assert parse_to_brain(frame.model_dump_json()) == frame


@pytest.mark.parametrize("frame", TO_CLIENT, ids=lambda frame: frame.type)
@pytest.mark.parametrize("seq", [None, 1, 2**40])
def test_every_frame_to_a_client_is_read_back_with_its_number(
    frame: ToClient, seq: int | None
) -> None:
    assert parse_to_client(encode(frame, seq)) == (seq, frame)


@pytest.mark.parametrize("frame", TO_BRAIN, ids=lambda frame: frame.type)
def test_unknown_fields_are_ignored(frame: ToBrain) -> None:
    body = orjson.loads(frame.model_dump_json()) | {"colour": "blue", "x": {"y": [1]}}
    assert parse_to_brain(orjson.dumps(body)) == frame


def test_unknown_fields_to_a_client_are_ignored() -> None:
    assert parse_to_client('{"seq":3,"type":"pong","x":1}') == (3, Pong())


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, names in REQUIRED.items() for n in names])
def test_a_missing_field_is_named(kind: str, name: str) -> None:
    fields = {n: value for n, value in COMPLETE.items() if n != name}
    with pytest.raises(Malformed, match=rf"`{name}`") as wrong:
        parse_to_brain(_json(type=kind, **fields))
    assert wrong.value.code == "protocol.malformed"
    assert wrong.value.ask_id == (None if name == "ask_id" else "a")


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [
        ("hello", {"client_id": ""}, "client_id"),
        ("hello", {"client_id": "c" * 129}, "client_id"),
        ("hello", {"protocol": "one"}, "protocol"),
        ("hello", {"after": -1}, "after"),
        ("ask", {"conversation_id": "v" * 129}, "conversation_id"),
        ("ask", {"text": None}, "text"),
        ("ask", {"attachments": {}}, "attachments"),
        ("ask", {"attachments": [{"filename": "f"}] * 21}, "attachments"),
        ("ask", {"attachments": [{"content_type": "text/plain"}]}, "attachments.0.filename"),
        ("ask", {"attachments": [{"filename": "f", "size": -1}]}, "attachments.0.size"),
        ("ask", {"options": {"web_search": "perhaps"}}, "options.web_search"),
        ("ask", {"surface": "telephone"}, "surface"),
        ("ack", {"seq": -1}, "seq"),
        ("cancel", {"ask_id": 7}, "ask_id"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_repeated(
    kind: str, fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(Malformed) as wrong:
        parse_to_brain(_json(**{"type": kind, **COMPLETE, **fields}))
    assert f"`{named}`" in wrong.value.message
    assert "perhaps" not in wrong.value.message
    assert "telephone" not in wrong.value.message


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '"ask"', "{}", '{"type":null}', '{"type":["ask"]}', b"\xff\xfe",
     '{"type":"ask","ask_id":NaN}', '{"type":"ask","text":"\\ud800"}', "[" * 100_000],
    ids=lambda text: repr(text)[:20],
)  # fmt: skip
def test_what_is_no_frame_is_malformed(text: str | bytes) -> None:
    with pytest.raises(Malformed) as wrong:
        parse_to_brain(text)
    assert wrong.value.code == "protocol.malformed"
    assert wrong.value.ask_id is None


@pytest.mark.parametrize("ask_id", [None, "", "x" * 129, 7, {}, ["a"]], ids=repr)
def test_an_ask_id_that_could_not_be_one_is_not_echoed(ask_id: object) -> None:
    with pytest.raises(Malformed) as wrong:
        parse_to_brain(_json(type="ask", ask_id=ask_id))
    assert wrong.value.ask_id is None


def test_an_unknown_type_is_told_apart_and_keeps_its_ask_id() -> None:
    with pytest.raises(UnknownType, match="'shout'") as wrong:
        parse_to_brain(_json(type="shout", ask_id="a"))
    assert (wrong.value.code, wrong.value.ask_id) == ("protocol.unknown_type", "a")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
nearly_frames = st.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}),
    st.sampled_from([*REQUIRED, "ping"]),
    st.dictionaries(
        st.sampled_from([*COMPLETE, "options", "attachments", "surface", "after"]), anything
    ),
)


@given(st.text() | st.binary() | nearly_frames)
def test_nothing_makes_the_parser_fail_in_another_way(text: str | bytes) -> None:
    try:
        parse_to_brain(text)
    except Malformed as wrong:
        assert wrong.message.endswith(".")  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "null", "{}", '{"type":"shout"}', '{"type":"delta","seq":1}']
)
def test_a_client_calls_what_it_cannot_read_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="cannot read"):
        parse_to_client(text)


@given(st.text(), st.integers(1, 2**53), st.integers(1, 9))
def test_any_text_travels_in_a_delta(text: str, seq: int, attempt: int) -> None:
    delta = Delta(ask_id="a", attempt=attempt, text=text)
    assert parse_to_client(encode(delta, seq)) == (seq, delta)


@given(
    st.builds(
        Ask,
        ask_id=st.text(min_size=1, max_size=128),
        conversation_id=st.text(min_size=1, max_size=128),
        text=st.text(),
        options=st.builds(AskOptions, think=st.sampled_from([None, True, False, "low", "high"])),
        surface=st.sampled_from([None, "discord", "web", "api"]),
    )
)
def test_any_ask_travels(ask: Ask) -> None:
    assert parse_to_brain(ask.model_dump_json()) == ask


def test_the_number_stands_in_one_object_with_the_frame() -> None:
    assert orjson.loads(encode(Pong(), 5)) == {"seq": 5, "type": "pong"}
    assert orjson.loads(encode(Pong())) == {"type": "pong"}
