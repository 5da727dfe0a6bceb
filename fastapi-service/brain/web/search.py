"""Asks a search engine: the SearXNG an operator names, else the public ones that ddgs knows."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, Protocol

import anyio
import anyio.to_thread
import structlog

from brain.web.errors import SearchFailed, WebFailed
from brain.web.guard import check_url
from shared.errors import BoundaryError
from shared.http import Peer

log = structlog.get_logger(__name__)

MAX_QUERY = 400
"""Characters; engines cut or refuse longer ones."""
LIBRARY_SECONDS = 12.0
ENGINE_SECONDS = 5
"""What the library gives one engine; it may ask a second one."""
LIBRARY_AT_ONCE = 4
MAX_TITLE = 200
MAX_SNIPPET = 500
_TAG = re.compile(r"<[^<>]{0,200}>")
_FAILED = "The web cannot be searched right now; please try again in a moment."


@dataclass(frozen=True, slots=True)
class Hit:
    """One result, as plain text. `url` can be given to `Fetcher.fetch`."""

    title: str
    url: str
    snippet: str


class Search(Protocol):
    """A search engine."""

    async def find(self, query: str, limit: int) -> list[Hit]:
        """The best `limit` hits, none if there are none. Raises `SearchFailed`."""


class SearxSearch:
    """A SearXNG (docs.searxng.org, Search API). It is the operator's, so it may be private."""

    def __init__(self, server: Peer) -> None:
        self._server = server

    async def find(self, query: str, limit: int) -> list[Hit]:
        params = {"q": shortened(query), "format": "json"}
        try:
            answer = await self._server.get("/search", params=params)
        except BoundaryError as failed:
            log.warning("search.failed", engine="searxng", reason=failed.message)
            raise SearchFailed(_FAILED) from failed
        match answer:
            case {"results": list(results)}:
                return hits_of(results, limit, url="url", snippet="content")
        log.warning("search.failed", engine="searxng", reason="no results in the answer")
        raise SearchFailed(_FAILED)


def searx_server(base_url: str) -> Peer:
    """The server of SEARCH_URL, to be opened with `async with`."""
    return Peer("The search", base_url.rstrip("/"), timeout_seconds=10.0, error=SearchFailed)


Ask = Callable[[str, int], list[dict[str, Any]]]
"""Query and number of results to rows of `title`, `href`, `body`. Blocks."""


def ask_library(query: str, limit: int) -> list[dict[str, Any]]:
    """What ddgs finds. Raises its `DDGSException` and, when engines change, anything."""
    from ddgs import DDGS  # only a search pays for the import
    from ddgs.exceptions import DDGSException

    try:
        return DDGS(timeout=ENGINE_SECONDS).text(query, max_results=limit)
    except DDGSException as nothing:
        if str(nothing) == "No results found.":
            return []
        raise


class LibrarySearch:
    """Public engines by way of ddgs, in a thread that is left behind when it takes too long."""

    def __init__(self, ask: Ask = ask_library, *, seconds: float = LIBRARY_SECONDS) -> None:
        self._ask = ask
        self._seconds = seconds
        self._places = anyio.CapacityLimiter(LIBRARY_AT_ONCE)

    async def find(self, query: str, limit: int) -> list[Hit]:
        words = shortened(query)
        try:
            with anyio.fail_after(self._seconds):
                rows = await anyio.to_thread.run_sync(
                    self._ask, words, limit,
                    abandon_on_cancel=True, limiter=self._places,
                )  # fmt: skip
        except TimeoutError as late:
            raise SearchFailed("The search took too long; please try again in a moment.") from late
        except Exception as failed:
            log.warning(
                "search.failed",
                engine="ddgs",
                reason=type(failed).__name__,
                message="Public search engines cannot be asked; SEARCH_URL may name a SearXNG.",
            )
            raise SearchFailed(_FAILED) from failed
        return hits_of(rows, limit, url="href", snippet="body")


def shortened(query: str) -> str:
    """`query` in one line of at most `MAX_QUERY` characters. Raises `SearchFailed` if empty."""
    line = " ".join(query.split())[:MAX_QUERY].strip()
    if not line:
        raise SearchFailed("There is nothing to search for.")
    return line


def hits_of(rows: Iterable[Any], limit: int, *, url: str, snippet: str) -> list[Hit]:
    """
    The first `limit` rows that can be fetched, each address once, as plain text.

    `url` and `snippet` are the engine's names for them.
    """
    hits: dict[str, Hit] = {}
    for row in rows:
        address = row.get(url) if isinstance(row, Mapping) else None
        if not isinstance(address, str) or address in hits or not _fetchable(address):
            continue
        title = plain(row.get("title"), MAX_TITLE) or address
        hits[address] = Hit(title, address, plain(row.get(snippet), MAX_SNIPPET))
        if len(hits) == limit:
            break
    return list(hits.values())


def _fetchable(address: str) -> bool:
    try:
        check_url(address)
    except WebFailed:
        return False
    return True


def plain(value: object, limit: int) -> str:
    """One line of text without markup."""
    text = _TAG.sub(" ", value) if isinstance(value, str) else ""
    return " ".join(unescape(text).split())[:limit]
