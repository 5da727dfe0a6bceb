"""Calls to the platform over HTTP, where "nobody is there" gets its own sentence."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import anyio

from admin.cli.errors import NotRunning
from shared.errors import Upstream
from shared.http import Peer

T = TypeVar("T")
Method = Literal["GET", "POST", "DELETE"]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CONNECT_SECONDS = 3.0
CALL_SECONDS = 30.0
"""A sign-in is slow on purpose, and many may wait for one."""


def is_here(address: str) -> bool:
    """Whether a URL names this machine."""
    return urlsplit(address).hostname in LOOPBACK


async def call(
    method: Method,
    address: str,
    path: str,
    *,
    token: str | None = None,
    body: dict[str, str] | None = None,
    seconds: float = CALL_SECONDS,
) -> Any:
    """The JSON answer. Raises as `reach` does."""

    async def ask(peer: Peer) -> Any:
        match method:
            case "GET":
                return await peer.get(path)
            case "POST":
                return await peer.post(path, json=body)
            case "DELETE":
                return await peer.delete(path)

    return await reach(address, ask, token=token, seconds=seconds)


async def reach(
    address: str,
    ask: Callable[[Peer], Awaitable[T]],
    *,
    token: str | None = None,
    seconds: float = CALL_SECONDS,
) -> T:
    """What `ask` returns. Raises `NotRunning`, `shared.http.Refused`, `Upstream`."""
    try:
        async with Peer("Trollama", address, token=token, timeout_seconds=seconds) as peer:
            return await ask(peer)
    except Upstream as failure:
        if await _somebody_listens(address):
            raise
        raise NotRunning(address, here=is_here(address)) from failure


async def _somebody_listens(address: str) -> bool:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with anyio.fail_after(CONNECT_SECONDS):
            stream = await anyio.connect_tcp(parts.hostname or "", port)
    except (OSError, TimeoutError):
        return False
    await stream.aclose()
    return True
