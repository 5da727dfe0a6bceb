"""Failures become responses here and nowhere else at this edge."""

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.errors import BoundaryError, InvalidRequest, NotFound

log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Give every failure the body of protocol section 4."""
    app.add_exception_handler(BoundaryError, _boundary)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _boundary(_: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, BoundaryError)
    headers = {"WWW-Authenticate": "Bearer"} if failure.status == 401 else None
    return JSONResponse(failure.body(), failure.status, headers=headers)


async def _validation(_: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, RequestValidationError)
    problems = [
        f"`{'.'.join(str(part) for part in error['loc'][1:]) or 'body'}`: {error['msg'].lower()}"
        for error in failure.errors()[:5]
    ]
    return JSONResponse(InvalidRequest(f"Please correct {'; '.join(problems)}.").body(), 422)


async def _http(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, HTTPException)
    known = (
        NotFound(f"There is nothing at {request.url.path}.")
        if failure.status_code == 404
        else (InvalidRequest(f"{failure.detail}."))
    )
    return JSONResponse(known.body(), failure.status_code, headers=failure.headers)


async def _unexpected(request: Request, failure: Exception) -> JSONResponse:
    log.error("request.crashed", path=request.url.path, exc_info=failure)
    return JSONResponse(
        BoundaryError(
            "Something went wrong inside Trollama; the operator finds it in the log."
        ).body(),
        500,
    )
