"""Gets what a URL holds, through the guard, following redirects, with limits on bytes."""

import codecs
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.message import Message

import anyio.lowlevel
import httpx

from brain.web.addresses import WEB_PORTS, Allowed
from brain.web.errors import FetchFailed, Refused
from brain.web.guard import GuardedTransport, Resolve, check_url, host_of, look_up

USER_AGENT = "Mozilla/5.0 (compatible; Trollama/1)"
MAX_REDIRECTS = 5
STEP_SECONDS = 5.0
"""Limit on connecting to one address, and on the silence between two pieces."""
_CHARSETS = re.compile(
    r"utf-(?:8|8-sig|(?:16|32)(?:-[bl]e)?)|ascii|iso8859-\d+|iso2022_\w+|cp\d+|koi8-[rtu]|mac-\w+"
    r"|tis-620|gbk|gb\d+|hz|big5\w*|euc_\w+|shift_jis\w*|johab"
)
"""Python's names of what is a charset on the web (WHATWG Encoding, section 4.2, and near kin);
Python also calls "hex", "idna" or "unicode_escape" codecs, which fail or make halves of signs."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "text/html, application/xhtml+xml, text/*;q=0.9, */*;q=0.5",
    "Accept-Language": "*",
    "Accept-Encoding": "gzip, deflate",
}


@dataclass(frozen=True, slots=True)
class Download:
    """What came at the end of the redirects. `media_type` is "" where the server said none."""

    url: httpx.URL
    status: int
    media_type: str
    charset: str | None
    body: bytes


Before = Callable[[httpx.URL], Awaitable[None]]
"""Asked before each request to a URL, redirects included; raises to forbid it."""


class Downloader:
    """One visit at a time shares cookies and nothing else: nothing is kept between two."""

    def __init__(
        self,
        allowed: Allowed,
        *,
        resolve: Resolve = look_up,
        ports: frozenset[int] = WEB_PORTS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._ports = ports
        self._tls = tls

    async def get(self, text: str, *, max_bytes: int, before: Before | None = None) -> Download:
        """
        The answer to `GET text`, whatever its status; the body of a failure is left out.

        `max_bytes` bounds the body as it came and as it unpacks. The caller bounds the time.
        Raises `FetchFailed` and `Refused`.
        """
        url = check_url(text)
        async with self._visiting() as client:
            for _ in range(MAX_REDIRECTS + 1):
                if before is not None:
                    await before(url)
                with _translated(url):
                    async with client.stream("GET", url) as answer:
                        following = _following(url, answer)
                        if following is None:
                            return await _taken(url, answer, max_bytes)
                url = following
        raise FetchFailed(f"{host_of(url)} sends its visitors around in circles.")

    @asynccontextmanager
    async def _visiting(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = GuardedTransport(
            self._allowed, resolve=self._resolve, ports=self._ports, tls=self._tls
        )
        async with httpx.AsyncClient(
            transport=transport, trust_env=False, headers=_HEADERS, timeout=STEP_SECONDS
        ) as client:
            yield client


@contextmanager
def _translated(url: httpx.URL) -> Iterator[None]:
    """Turns what httpx raises into a sentence about the host of `url`."""
    host = host_of(url)
    try:
        yield
    except httpx.TimeoutException as slow:
        raise FetchFailed(f"{host} took too long to answer.") from slow
    except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict) as failed:
        raise FetchFailed(f"{host} cannot be reached right now.") from failed


def _following(url: httpx.URL, answer: httpx.Response) -> httpx.URL | None:
    """Where a redirect leads, if it is one."""
    location = answer.headers.get("Location")
    if answer.status_code not in _REDIRECTS or not location:
        return None
    try:
        target = url.join(location.strip())
    except (httpx.InvalidURL, ValueError) as wrong:
        raise Refused(f"{host_of(url)} leads to something that is no web address.") from wrong
    return check_url(str(target.copy_with(fragment=None)))


async def _taken(url: httpx.URL, answer: httpx.Response, max_bytes: int) -> Download:
    media_type, charset = content_type(answer.headers.get("Content-Type", ""))
    body = await _body(url, answer, max_bytes) if answer.status_code < 300 else b""
    return Download(url, answer.status_code, media_type, charset, body)


async def _body(url: httpx.URL, answer: httpx.Response, max_bytes: int) -> bytes:
    too_large = FetchFailed(
        f"The page of {host_of(url)} is larger than {max_bytes / 1e6:g} MB and was not fetched."
    )
    declared = answer.headers.get("Content-Length", "")
    if re.fullmatch(r"[0-9]{1,18}", declared) and int(declared) > max_bytes:
        raise too_large
    unpack = _Unpacking(answer.headers.get("Content-Encoding", ""), max_bytes)
    received = 0
    async for piece in answer.aiter_raw():
        received += len(piece)
        if received > max_bytes or not unpack.add(piece):
            raise too_large
        await anyio.lowlevel.checkpoint()  # a fast sender must not keep the loop from others
    return unpack.finished()


class _Unpacking:
    """
    Unpacks gzip and deflate (RFC 9110 section 8.4.1) without ever holding more than `limit`.

    httpx would unpack each piece whole: 64 KB of zeros become 66 MB before anybody can look.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        self._limit = limit
        self._body = bytearray()
        self._first = True
        match encoding.strip().lower():
            case "" | "identity":
                self._inflate = None
            case "gzip" | "x-gzip":
                self._inflate = zlib.decompressobj(wbits=31)
            case "deflate":
                self._inflate = zlib.decompressobj()
            case _:
                raise FetchFailed("The page is packed in a way that was not asked for.")

    def add(self, piece: bytes) -> bool:
        """Take in the next piece; False when it is too much."""
        if self._inflate is None:
            self._body += piece
        else:
            self._body += self._inflated(piece, self._limit + 1 - len(self._body))
        return len(self._body) <= self._limit

    def _inflated(self, piece: bytes, room: int) -> bytes:
        assert self._inflate is not None
        try:
            try:
                return self._inflate.decompress(piece, room)
            except zlib.error:
                if not self._first:
                    raise
                self._inflate = zlib.decompressobj(wbits=-15)  # "deflate" without its header
                return self._inflate.decompress(piece, room)
        except zlib.error as broken:
            raise FetchFailed("The page arrived damaged.") from broken
        finally:
            self._first = False

    def finished(self) -> bytes:
        return bytes(self._body)


def content_type(header: str) -> tuple[str, str | None]:
    """The media type in small letters, and Python's name of the charset where it is one."""
    message = Message()
    message["Content-Type"] = header.replace("\n", " ").replace("\r", " ")
    charset = message.get_content_charset()
    if charset is not None:
        try:
            charset = codecs.lookup(charset).name
        except (LookupError, ValueError):
            charset = None
    if charset is not None and not _CHARSETS.fullmatch(charset):
        charset = None
    return (message.get_content_type() if "/" in header else ""), charset
