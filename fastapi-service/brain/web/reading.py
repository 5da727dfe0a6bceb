"""Makes text of what was downloaded; HTML in a process of its own, as a page may be hostile."""

import re
import sys
from collections.abc import Awaitable, Callable
from subprocess import DEVNULL

import anyio
import orjson
import structlog
from anyio.lowlevel import RunVar

from brain.web.download import Download
from brain.web.errors import FetchFailed
from brain.web.extraction import MAX_TEXT, decoded
from brain.web.guard import host_of
from brain.web.page import Page
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)

AT_ONCE = 2
"""Pages read at the same time; the others wait."""
COMMAND = (sys.executable, "-P", "-m", "brain.web.extraction")
ENVIRONMENT = {"PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
"""No secret of the brain."""
HTML = frozenset({"text/html", "application/xhtml+xml"})
_TEXT = re.compile(r"text/.*|application/(?:.*\+)?(?:json|xml|yaml|toml)|application/x-ndjson")

ReadFile = Callable[[str, bytes], Awaitable[str]]
"""Reads other kinds of files (name, bytes), such as PDF. Raises `BoundaryError` with a sentence."""

_places: RunVar[anyio.CapacityLimiter | None] = RunVar("places of page readers")


async def read(download: Download, read_file: ReadFile) -> Page:
    """The text of a successful download. Raises `FetchFailed` where there is none."""
    kind = download.media_type or _guessed(download.body)
    if kind in HTML:
        title, text = await _of_html(download)
    elif _TEXT.fullmatch(kind):
        title, text = "", _plain(download)
    else:
        title, text = "", await _of_file(download, read_file)
    text = text.replace("\x00", "")[:MAX_TEXT].strip()
    if not text:
        raise FetchFailed(
            f"The page of {host_of(download.url)} holds no text; it may need a browser to show any."
        )
    return Page(str(download.url), " ".join(title.split())[:300], text, kind)


def _guessed(body: bytes) -> str:
    start = body[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    return "application/octet-stream" if b"\x00" in body[:512] else "text/plain"


def _plain(download: Download) -> str:
    charset = download.charset
    if charset is None:
        try:
            return download.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            charset = "cp1252"  # what a server that says nothing mostly means (WHATWG Encoding)
    text = decoded(download.body, charset)
    assert isinstance(text, str)
    return text


async def _of_file(download: Download, read_file: ReadFile) -> str:
    name = download.url.path.rpartition("/")[2] or "page"
    try:
        return await read_file(name, download.body)
    except BoundaryError as refused:
        raise FetchFailed(refused.message) from refused


async def _of_html(download: Download) -> tuple[str, str]:
    order = orjson.dumps({"charset": download.charset}) + b"\n"
    async with _limiter():
        done = await anyio.run_process(
            COMMAND, input=order + download.body, stderr=DEVNULL, env=ENVIRONMENT, check=False
        )
    match _json(done.stdout):
        case {"title": str(title), "text": str(text)}:
            return title, text
    log.warning("page.reader_died", status=done.returncode, bytes=len(download.body))
    raise FetchFailed(f"The page of {host_of(download.url)} is built in a way we cannot read.")


def _json(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _limiter() -> anyio.CapacityLimiter:
    """One an event loop."""
    limiter = _places.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(AT_ONCE)
        _places.set(limiter)
    return limiter
