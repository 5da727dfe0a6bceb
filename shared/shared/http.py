"""
JSON and files over HTTP to another of our servers, with limits.

For question and answer. Token streams go over aiohttp, which keeps up with hundreds of them.
"""

import ssl
from collections.abc import Callable, Mapping
from email.message import Message
from functools import cache
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import anyio
import httpx
import orjson

from shared.errors import BoundaryError, Upstream
from shared.tracing import headers_of_this_request

MAX_ANSWER_BYTES = 16 * 1024 * 1024

Params = Mapping[str, str | int | float | bool | None]


class Refused(BoundaryError):
    """What another of our servers answered instead of success, ready to be passed on."""

    def __init__(self, message: str, *, status: int, code: str, retryable: bool) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retryable = retryable


class Download(NamedTuple):
    """A file and the name its server gives it ("" for none), as it was sent."""

    filename: str
    data: bytes


class Peer:
    """
    One server we talk to, by the name people know it by. Opened with `async with`.

    Every call raises `Refused` with the server's own status, code and sentence when it answers
    with an error in our form (protocol section 4), and `error` (an `Upstream`) with a sentence
    naming the server when it cannot be reached, takes over `timeout_seconds` in all, or answers
    anything else. Parts of a `path` that come from outside are percent-encoded by the caller.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = 5.0,
        error: Callable[[str], Upstream] = Upstream,
    ) -> None:
        self._name = name
        self._timeout_seconds = timeout_seconds
        self._error = error
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_seconds,
            verify=_tls(),
            trust_env=False,  # a proxy meant for the internet must not come between our services
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, failure, traceback)

    async def get(
        self, path: str, *, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        return await self._ask("GET", path, None, params, headers)

    async def post(
        self,
        path: str,
        *,
        json: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        return await self._ask("POST", path, json, params, headers)

    async def patch(
        self,
        path: str,
        *,
        json: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        return await self._ask("PATCH", path, json, params, headers)

    async def delete(
        self,
        path: str,
        *,
        json: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        return await self._ask("DELETE", path, json, params, headers)

    async def upload(self, path: str, *, filename: str, file: BinaryIO) -> Any:
        """Send `file` as the field `file` of a form; the parsed JSON of the answer."""
        sent = {"file": (filename, file)}
        answer, body = await self._exchange("POST", path, files=sent)
        return self._understand(answer.status_code, body)

    async def download(self, path: str) -> Download:
        """A file of at most `MAX_ANSWER_BYTES`."""
        answer, body = await self._exchange("GET", path)
        if not answer.is_success:
            self._understand(answer.status_code, body)
        header = Message()
        header["Content-Disposition"] = answer.headers.get("content-disposition", "")
        return Download(header.get_filename(""), body)

    async def _ask(
        self,
        method: str,
        path: str,
        json: Any,
        params: Params | None,
        headers: Mapping[str, str] | None,
    ) -> Any:
        sent = {**headers_of_this_request(), **(headers or {})}
        answer, body = await self._exchange(method, path, json=json, params=params, headers=sent)
        return self._understand(answer.status_code, body)

    async def _exchange(
        self, method: str, path: str, **content: Any
    ) -> tuple[httpx.Response, bytes]:
        try:
            # httpx limits each step; a server that drips must not hold us for ever either.
            with anyio.fail_after(self._timeout_seconds):
                async with self._client.stream(method, path, **content) as answer:
                    return answer, await self._read(answer)
        except (TimeoutError, httpx.TimeoutException) as slow:
            raise self._error(f"{self._name} took too long to answer; please try again.") from slow
        except httpx.HTTPError as failed:
            raise self._error(
                f"{self._name} cannot be reached right now; please try again in a moment."
            ) from failed

    async def _read(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise self._error(f"{self._name} sent an answer that is far too long.")
        return bytes(body)

    def _understand(self, status: int, body: bytes) -> Any:
        try:
            content = orjson.loads(body) if body else None
        except orjson.JSONDecodeError as garbled:
            raise self._error(f"{self._name} sent an answer that is no JSON.") from garbled
        if 200 <= status < 300:
            return content
        match content:
            case {"error": {"code": str(code), "message": str(message), **more}}:
                retryable = more.get("retryable") is True
                raise Refused(message, status=status, code=code, retryable=retryable)
        raise self._error(f"{self._name} answered with the unexpected status {status}.")


@cache
def _tls() -> ssl.SSLContext:
    """One for the whole process: reading the certificates takes 20 ms and a megabyte each time."""
    return ssl.create_default_context()
