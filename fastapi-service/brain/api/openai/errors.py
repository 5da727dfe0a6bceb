"""
Failures in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.

OpenAI's API reference, "Error codes"; `code` is our own stable one. The clients of OpenAI try again
by themselves unless `x-should-retry` says otherwise.
"""

from typing import Any

from fastapi.responses import JSONResponse

from shared.errors import BoundaryError, InvalidRequest
from shared.protocol import Failed

STATUS = {
    "auth.required": 401,
    "auth.forbidden": 403,
    "chat.forbidden": 403,
    "not_found": 404,
    "model.unavailable": 404,
    "chat.cancelled": 409,
    "vram.never_fits": 409,
    "chat.too_long": 400,
    "protocol.malformed": 400,
    "budget.exceeded": 429,
    "vram.load_failed": 502,
    "backend.unreachable": 502,
    "backend.failed": 502,
    "queue.full": 503,
    "maintenance.hard": 503,
    "store.unavailable": 503,
}
"""The HTTP status of a failure that comes as a frame; 500 for the rest."""

NOT_AGAIN = frozenset(
    {"backend.unreachable", "backend.failed", "vram.load_failed", "internal", "budget.exceeded"}
)
"""What the queue has tried again already, or what no time a client waits would change."""

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Unfit(InvalidRequest):
    """A part of the request that this door cannot serve; `param` is where it stands."""

    def __init__(self, param: str, why: str, *, code: str = "protocol.malformed") -> None:
        self.param = param
        self.code = code
        super().__init__(f"Please correct `{param}`: {why}.")


class Reported(BoundaryError):
    """A failure that came as a frame."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.status = STATUS.get(failed.code, 500)
        self.code = failed.code
        self.retryable = failed.retryable


def body_of(failure: BoundaryError) -> dict[str, Any]:
    """The body of an error answer, which is also what an error in a stream looks like."""
    status = _status(failure)
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    param = getattr(failure, "param", "model" if failure.code == "model.unavailable" else None)
    error = {"message": failure.message, "type": kind, "param": param, "code": failure.code}
    return {"error": error}


def response_of(failure: BoundaryError) -> JSONResponse:
    """The answer to a request that failed before anything of it was answered."""
    again = failure.retryable and failure.code not in NOT_AGAIN
    headers = {"x-should-retry": "true" if again else "false"}
    if failure.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body_of(failure), _status(failure), headers=headers)


def _status(failure: BoundaryError) -> int:
    return 400 if failure.status == 422 else failure.status
