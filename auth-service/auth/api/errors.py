"""Failures become responses here and nowhere else at this edge."""

import math

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from auth.errors import BodyTooLarge, TooBusy, TooManyAttempts
from shared.errors import BoundaryError, InvalidRequest, NotFound, StoreUnavailable

log = structlog.get_logger(__name__)
MAX_BODY_BYTES = 64 * 1024


def install(app: FastAPI) -> None:
    """Give every failure the body of protocol section 4."""
    app.add_exception_handler(BoundaryError, _boundary)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _boundary(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, BoundaryError)
    if isinstance(failure, StoreUnavailable):
        log.warning("store.unavailable", path=request.url.path, reason=failure.reason)
    return response_for(failure)


def response_for(failure: BoundaryError) -> JSONResponse:
    """The response a failure becomes, with the headers its status asks for."""
    headers: dict[str, str] = {}
    if failure.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(failure, TooManyAttempts | TooBusy):
        headers["Retry-After"] = str(math.ceil(failure.retry_after_seconds))
    return JSONResponse(failure.body(), failure.status, headers=headers)


async def _validation(_: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, RequestValidationError)
    problems = "; ".join(_problem(error) for error in failure.errors()[:5])
    return response_for(InvalidRequest(f"Please correct {problems}."))


def _problem(error: dict[str, object]) -> str:
    where = error["loc"]
    assert isinstance(where, tuple)
    if error["type"] == "json_invalid":
        return "the body: it is not valid JSON"
    field = ".".join(str(part) for part in where[1:]) or "body"
    return f"`{field}`: {str(error['msg']).lower()}"


async def _http(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, HTTPException)
    known: BoundaryError
    match failure.status_code:
        case 404:
            known = NotFound(f"There is nothing at {request.url.path}.")
        case 413:
            known = BodyTooLarge(MAX_BODY_BYTES)
        case _:
            known = InvalidRequest(f"{failure.detail.rstrip('.')}.")
    return JSONResponse(known.body(), failure.status_code, headers=failure.headers)


async def _unexpected(request: Request, failure: Exception) -> JSONResponse:
    log.error("request.crashed", path=request.url.path, exc_info=failure)
    sentence = "Something went wrong inside Trollama; the operator finds it in the log."
    return JSONResponse(BoundaryError(sentence).body(), 500)
