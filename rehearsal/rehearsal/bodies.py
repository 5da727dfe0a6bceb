"""The JSON object a request carries, at either door."""

from typing import Any

import orjson

from rehearsal.errors import BadRequest

LARGEST_BODY = 256 * 2**20
"""Bytes; images travel inside the body."""


def read_body(raw: bytes) -> dict[str, Any]:
    """The JSON object in a request. Raises `BadRequest`."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as invalid:
        raise BadRequest("missing request body" if not raw else str(invalid)) from invalid
    if not isinstance(body, dict):
        raise BadRequest("json: cannot unmarshal the body into an object")
    return body
