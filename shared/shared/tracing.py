"""
One `request_id` follows a message through all services, in every record about it.

The bot and the brain make the same id of a question; calls between services carry it in the header
`X-Request-Id`. Within a process it is bound with `structlog.contextvars`, once, at the door.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from structlog.contextvars import bound_contextvars, get_contextvars

HEADER = "X-Request-Id"
SERVICE = "service"
"""The principal of whoever comes with the service token."""

_HEADER = HEADER.lower().encode()
_GOOD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Any, Any], Awaitable[None]]


def request_id_for(principal: str, client_id: str, ask_id: str) -> str:
    """
    The same id whenever the same client sends the same `ask_id`.

    That makes a repeated ask find the job of the first one: `ask_id` is an idempotency key, unique
    per principal and client (protocol section 3).
    """
    seed = "\x00".join((principal, client_id, ask_id)).encode()
    return hashlib.sha256(seed).hexdigest()[:32]


def headers_of_this_request() -> dict[str, str]:
    """The header with the id that is bound here, for a call to another of our services."""
    request_id = get_contextvars().get("request_id")
    return {HEADER: request_id} if isinstance(request_id, str) else {}


class Traced:
    """An ASGI middleware: what is logged during a request bears its id, or a new one."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with bound_contextvars(request_id=_given(scope) or secrets.token_hex(16)):
            await self._app(scope, receive, send)


def _given(scope: _Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _HEADER:
            text = value.decode("latin-1")
            return text if _GOOD.fullmatch(text) else None
    return None
