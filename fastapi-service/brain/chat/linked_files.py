"""Files that the bot names by their address at Discord, fetched without going anywhere else."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from urllib.parse import urlsplit

import anyio
import httpx
import structlog

from brain.artifacts.errors import FileUnreadable
from brain.artifacts.readers.filenames import clean_name
from shared.errors import InvalidRequest

log = structlog.get_logger(__name__)
CDN = frozenset({"https://cdn.discordapp.com", "https://media.discordapp.net"})
"""Where Discord keeps attachments (Discord's API reference, "Signed attachment CDN URLs")."""

FETCH_SECONDS = 20.0
STEP_SECONDS = 5.0


class LinkedFiles:
    """Opens addresses of Discord's file servers, and of the host of its API or a stand-in."""

    def __init__(self, api_base: str) -> None:
        self._origins = CDN | {_origin(api_base)}

    @asynccontextmanager
    async def opened(self, filename: str, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """
        The bytes at `url` as they come, for 20 seconds at most.

        Redirects are not followed, whatever they lead to. Raises `InvalidRequest` for another
        host and `FileUnreadable` when the file does not come.
        """
        if _origin(url) not in self._origins:
            raise InvalidRequest("Please correct `url`: files are fetched from Discord only.")
        name = clean_name(filename)
        limits = httpx.Timeout(STEP_SECONDS)
        try:
            with anyio.fail_after(FETCH_SECONDS):
                async with (
                    httpx.AsyncClient(timeout=limits, trust_env=False, verify=_tls()) as client,
                    client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
                ):
                    if answer.status_code != httpx.codes.OK:
                        log.info("file.not_fetched", status=answer.status_code)
                        raise _away(name)
                    yield answer.aiter_raw()
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as failed:
            raise _away(name) from failed


@cache
def _tls() -> ssl.SSLContext:
    """One for all files: reading the certificates would hold everybody up for 20 ms each time."""
    return ssl.create_default_context()


def _away(name: str) -> FileUnreadable:
    return FileUnreadable(name, "could not be fetched from Discord. Please send it again.")


def _origin(url: str) -> str:
    """Scheme, host and port; "" for an address that is none, or that carries a sign-in."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.username is not None or parts.hostname is None:
        return ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}{'' if port in (None, usual) else f':{port}'}"
