"""
One streamed request to a model server: lines in as they come, limits on silence, errors translated.

One aiohttp session serves all requests: it keeps hundreds of streams apart at 4 µs a token where
others collapse, and a new client for each call would cost 20 ms in its TLS context.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import aiohttp
import orjson

from brain.llm.errors import refusal
from brain.llm.pace import Pace
from brain.vram.errors import BackendFailed, BackendUnreachable
from brain.vram.orchestrator import Server

R = TypeVar("R")
CONNECT_SECONDS = 5.0
KEEP_IDLE_SECONDS = 15.0
"""Shorter than any server's own, so that no request is sent into a connection being closed."""

MAX_LINE_BYTES = 16 * 1024 * 1024
ERROR_TEXT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may stay silent, in seconds."""

    first_token_seconds: float
    gap_seconds: float


def new_session() -> aiohttp.ClientSession:
    """The session for all streams; made inside the event loop, closed by whoever made it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_IDLE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        json_serialize=lambda body: orjson.dumps(body).decode(),
    )


class Connection:
    """One request at a time to one server about one model; `close` ends it at once."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        server: Server,
        model: str,
        patience: Patience,
        pace: Pace,
    ) -> None:
        self._session = session
        self._pace = pace
        self._server = server
        self._model = model
        self._patience = patience
        self._response: aiohttp.ClientResponse | None = None
        self._spoke = False
        self._resumes: asyncio.TimerHandle | None = None

    def spoke(self) -> None:
        """The model said something: from here on the shorter limit holds."""
        if not self._spoke:
            self._spoke = True
            self._limit_silence(self._patience.gap_seconds)

    def close(self) -> None:
        """
        Drop the connection, so that the server stops working for it.

        Does not wait for anything, and may be called twice. A generator left early is closed by the
        garbage collector some time later; the server must know now.
        """
        if self._response is not None:
            self._response.close()
            self._response = None

    async def lines(self, path: str, body: dict[str, Any]) -> AsyncGenerator[list[bytes], None]:
        """
        POST `body` and give the answer's lines, without their ends and without empty ones.

        Lines that came together are given together; once the model has begun to speak, so are
        those of a moment (`brain.llm.pace`). Raises `BackendUnreachable`, `BackendFailed`, and what
        `refusal` makes of an error status.
        """
        self._spoke = False
        rest = b""
        try:
            response = await self._post(path, body)
            while chunk := await self._translated(response.content.readany()):
                *whole, rest = (rest + chunk).split(b"\n")
                if lines := [line for line in map(bytes.strip, whole) if line]:
                    yield lines
                if len(rest) > MAX_LINE_BYTES:
                    raise BackendFailed(self._model, "the server sent a line without an end")
                self._rest()
            if rest := rest.strip():
                yield [rest]
        finally:
            if self._resumes is not None:
                self._resumes.cancel()
            self.close()

    def _rest(self) -> None:
        """Read nothing for a moment, if many are answered and this one has begun."""
        seconds = self._pace.rest_seconds if self._spoke else 0.0
        connection = None if self._response is None else self._response.connection
        transport = None if connection is None else cast(asyncio.Transport, connection.transport)
        if seconds and transport is not None:
            transport.pause_reading()
            loop = asyncio.get_running_loop()
            self._resumes = loop.call_later(seconds, transport.resume_reading)

    @property
    def _protocol(self) -> aiohttp.client_proto.ResponseHandler | None:
        connection = None if self._response is None else self._response.connection
        return None if connection is None else connection.protocol

    async def _post(self, path: str, body: dict[str, Any]) -> aiohttp.ClientResponse:
        # The session's own timer for silence is moved with each read: a limit made anew around
        # each read would cost more than all the rest of a token.
        limits = aiohttp.ClientTimeout(
            total=None,
            sock_connect=CONNECT_SECONDS,
            sock_read=self._patience.first_token_seconds,
        )
        response = await self._translated(
            self._session.post(f"{self._server.url}{path}", json=body, timeout=limits)
        )
        self._response = response
        if response.status != 200:
            text = (await self._translated(response.content.read(ERROR_TEXT_BYTES))).decode(
                "utf-8", "replace"
            )
            raise refusal(self._model, status=response.status, text=error_text(text))
        return response

    def _limit_silence(self, seconds: float) -> None:
        if (protocol := self._protocol) is not None:
            protocol.read_timeout = seconds
            protocol.start_timeout()

    async def _translated(self, step: Awaitable[R]) -> R:
        try:
            return await step
        except aiohttp.ClientConnectorError as refused:
            raise BackendUnreachable(
                self._server.url, "nothing answers there", kind=self._server.kind
            ) from refused
        except aiohttp.ConnectionTimeoutError as late:
            raise BackendUnreachable(
                self._server.url, "it does not answer in time", kind=self._server.kind
            ) from late
        except TimeoutError as silent:
            patience = self._patience
            limit = patience.gap_seconds if self._spoke else patience.first_token_seconds
            raise BackendFailed(self._model, f"it was silent for {limit:g} s") from silent
        except aiohttp.ClientError as dropped:
            raise BackendFailed(self._model, "the connection to the server broke") from dropped


def parse(model: str, line: bytes) -> dict[str, Any]:
    """The JSON object in `line`. Raises `BackendFailed` for anything else, or what it reports."""
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as invalid:
        raise BackendFailed(model, "the server sent something that is not JSON") from invalid
    if not isinstance(body, dict):
        raise BackendFailed(model, "the server sent something that is not a JSON object")
    if "error" in body:
        raise refusal(model, status=200, text=_reported(body["error"]))
    return body


def error_text(text: str) -> str:
    """What an error body says: `{"error": "…"}`, `{"error": {"message": "…"}}`, or the text."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return _reported(body["error"]) if isinstance(body, dict) and "error" in body else text


def _reported(error: Any) -> str:
    if isinstance(error, dict):
        return str(error.get("message", error))
    return str(error)
