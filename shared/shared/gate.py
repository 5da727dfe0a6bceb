"""
What every HTTP request to a service passes first: the page it comes from, and its body.

An ASGI middleware for services that bring Starlette; the others do not import it.
"""

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Forbidden

BODY_SECONDS = 20.0


class Gate:
    """
    Refuses pages of other origins (403), bodies that are too large (413) or never end (408).

    CORS alone keeps a foreign page from reading an answer, not from causing what it asks for.
    """

    def __init__(
        self, app: ASGIApp, *, allowed_origins: tuple[str, ...], max_body_bytes: int
    ) -> None:
        self._app = app
        self._allowed_origins = allowed_origins
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin")
        if origin is not None and origin.rstrip("/") not in self._allowed_origins:
            refusal = Forbidden("Pages of this origin may not talk to Trollama (ALLOWED_ORIGINS).")
            await JSONResponse(refusal.body(), refusal.status)(scope, receive, send)
            return
        await self._app(scope, self._limited(receive), send)

    def _limited(self, receive: Receive) -> Receive:
        size = 0
        ended = False

        async def limited() -> Message:
            nonlocal size, ended
            if ended:  # what comes now is the end of the connection, which may take its time
                return await receive()
            try:
                with anyio.fail_after(BODY_SECONDS):
                    message = await receive()
            except TimeoutError as slow:
                raise HTTPException(408, "The body of this request did not come in time") from slow
            size += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if size > self._max_body_bytes:
                raise HTTPException(413, "The body of this request is too large")
            return message

        return limited
