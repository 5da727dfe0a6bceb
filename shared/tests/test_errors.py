"""Failures that cross a boundary keep their status, code and shape."""

import pytest

from shared.errors import (
    AuthRequired,
    BoundaryError,
    Busy,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    StoreUnavailable,
    TooMany,
    Upstream,
)
from shared.protocol import Malformed, UnknownType


@pytest.mark.parametrize(
    ("kind", "status", "code", "retryable"),
    [
        (BoundaryError, 500, "internal", False),
        (InvalidRequest, 422, "protocol.malformed", False),
        (AuthRequired, 401, "auth.required", False),
        (Forbidden, 403, "auth.forbidden", False),
        (NotFound, 404, "not_found", False),
        (Conflict, 409, "conflict", False),
        (TooMany, 429, "too_many", True),
        (Busy, 503, "busy", True),
        (Upstream, 502, "upstream", True),
        (StoreUnavailable, 503, "store.unavailable", True),
        (Malformed, 422, "protocol.malformed", False),
        (UnknownType, 422, "protocol.unknown_type", False),
    ],
)
def test_each_kind_has_its_status_and_code(
    kind: type[BoundaryError], status: int, code: str, retryable: bool
) -> None:
    failure = kind("A sentence.")
    assert failure.status == status
    assert failure.body()["error"] == {
        "code": code,
        "message": failure.message,
        "retryable": retryable,
    }


def test_the_reason_of_an_unavailable_store_is_for_the_log_only() -> None:
    failure = StoreUnavailable("/secret/path: disk I/O error")
    assert failure.reason == "/secret/path: disk I/O error"
    assert "secret" not in str(failure.body())
