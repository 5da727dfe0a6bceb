"""
Calls to another service: limits, one TLS context, and failures as sentences.

The only file that knows httpx.
"""

import ssl
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from shared.errors import BoundaryError, Upstream

MAX_ANSWER_BYTES = 16 * 1024 * 1024
CONNECTIONS = 20


class PeerUnreachable(Upstream):
    """No answer from a service: nothing listens, or it took too long."""

    def __init__(self, peer: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{peer} cannot be reached ({reason}); please try again in a moment.")


class PeerFailed(Upstream):
    """An answer that is not what the service promises."""

    def __init__(self, peer: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{peer} did not answer as it should: {reason}.")


class PeerRefused(BoundaryError):
    """The refusal of another service, with its own status, code and sentence."""

    status: int  # type: ignore[misc]  # of this one refusal, not of the class
    code: str  # type: ignore[misc]  # the same
    retryable: bool  # type: ignore[misc]  # the same

    def __init__(self, *, status: int, code: str, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retryable = retryable


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # 20 ms of CPU, so once a process


class Peer:
    """Another service over HTTP and JSON; `async with` it."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = 5.0,
    ) -> None:
        """`name` begins the sentences about it; `token` goes along as `Authorization: Bearer`."""
        self._name = name
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=CONNECTIONS),
            verify=_tls(),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, failure, trace)

    async def get(self, path: str, *, params: dict[str, Any] | None = None) -> Any:
        """The JSON answer. Raises `PeerUnreachable`, `PeerFailed`, `PeerRefused`."""
        return await self.call("GET", path, params=params)

    async def post(self, path: str, *, json: Any = None) -> Any:
        """The JSON answer to `json`. Raises as `get` does."""
        return await self.call("POST", path, json=json)

    async def delete(self, path: str) -> Any:
        """The JSON answer. Raises as `get` does."""
        return await self.call("DELETE", path)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """One request and its JSON answer (None for an empty one). Raises as `get` does."""
        try:
            async with self._client.stream(
                method, path, json=json, params=params, headers=headers
            ) as response:
                body = await self._read(response)
        except httpx.TimeoutException as late:
            raise PeerUnreachable(self._name, "it takes too long") from late
        except httpx.TransportError as broken:
            raise PeerUnreachable(self._name, "nothing answers there") from broken
        answer = self._parsed(body)
        if response.is_success:
            return answer
        raise self._refusal(response.status_code, answer)

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise PeerFailed(self._name, "its answer is too large")
        return bytes(body)

    def _parsed(self, body: bytes) -> Any:
        if not body:
            return None
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as invalid:
            raise PeerFailed(self._name, "its answer is not JSON") from invalid

    def _refusal(self, status: int, answer: Any) -> BoundaryError:
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict) or not {"code", "message"} <= error.keys():
            return PeerFailed(self._name, f"it answered with status {status}")
        return PeerRefused(
            status=status,
            code=str(error["code"]),
            message=str(error["message"]),
            retryable=bool(error.get("retryable", False)),
        )
