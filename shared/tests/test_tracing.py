from typing import Any

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from shared.tracing import Traced, headers_of_this_request, request_id_for


def test_the_same_question_has_the_same_id_everywhere() -> None:
    assert request_id_for("service", "bot", "q-1") == request_id_for("service", "bot", "q-1")
    others = {("user:1", "bot", "q-1"), ("service", "bo", "tq-1"), ("service", "bot", "q-2")}
    assert len({request_id_for(*one) for one in others | {("service", "bot", "q-1")}}) == 4


def test_a_call_to_another_service_bears_the_id() -> None:
    assert headers_of_this_request() == {}
    with bound_contextvars(request_id="r1"):
        assert headers_of_this_request() == {"X-Request-Id": "r1"}


async def _id_seen(*headers: tuple[bytes, bytes], kind: str = "http") -> Any:
    seen: list[Any] = []

    async def app(*_: Any) -> None:
        seen.append(get_contextvars().get("request_id"))

    await Traced(app)({"type": kind, "headers": list(headers)}, None, None)
    assert get_contextvars() == {}
    return seen[0]


async def test_a_request_keeps_the_id_it_came_with() -> None:
    assert await _id_seen((b"host", b"x"), (b"x-request-id", b"abc-1")) == "abc-1"


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b"\xff", b'"}', b"a\nb"])
async def test_an_id_that_is_none_is_not_believed(given: bytes) -> None:
    seen = await _id_seen((b"x-request-id", given))
    assert len(seen) == 32
    assert seen != await _id_seen((b"x-request-id", given))


async def test_a_socket_is_left_alone() -> None:
    assert await _id_seen(kind="websocket") is None
