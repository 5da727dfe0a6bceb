"""What every request passes first: the page it comes from, the size and the speed of its body."""

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Forbidden

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 20.0


class Gate:
    """
    Refuses pages of other origins (403), bodies over 64 KiB (413) and those that never end (408).

    CORS alone keeps a foreign page from reading an answer, not from causing what it asks for.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: tuple[str, ...]) -> None:
        self._app = app
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin")
        if origin is not None and origin.rstrip("/") not in self._allowed_origins:
            refusal = Forbidden("Pages of this origin may not talk to Trollama (ALLOWED_ORIGINS).")
            await JSONResponse(refusal.body(), refusal.status)(scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)


def _limited(receive: Receive) -> Receive:
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
            raise HTTPException(408, "The body of this request did not arrive in time") from slow
        size += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if size > MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return limited
