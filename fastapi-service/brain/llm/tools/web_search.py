"""Searching the web in the middle of an answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from strands import tool

from brain.llm.tools.sources import Sources
from brain.web.errors import SearchFailed
from brain.web.instructions import quoted_hits
from brain.web.search import Hit, Search

HITS = 6
"""Of one search; what stands further down is rarely read."""


class OneTry:
    """The search of one answer: what failed once is not asked again in the same words."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._failed: dict[str, SearchFailed] = {}

    async def find(self, query: str, limit: int) -> list[Hit]:
        """As `Search.find`; a failure is remembered."""
        words = " ".join(query.casefold().split())
        if words in self._failed:
            raise self._failed[words]
        try:
            return await self._search.find(query, limit)
        except SearchFailed as failed:
            self._failed[words] = failed
            raise


async def found(search: Search, query: str, *, sources: Sources, room: int, nonce: str) -> str:
    """
    What a search for `query` found, as data of at most about `room` characters, or a sentence that
    it found nothing. The addresses may be read from now on. Raises `SearchFailed`.
    """
    hits = fitting(await search.find(query, HITS), room)
    for hit in hits:
        sources.open(hit.url)
    return quoted_hits(hits, nonce)


def fitting(hits: Sequence[Hit], room: int) -> list[Hit]:
    """As many of the first `hits` as have `room` characters together, one at least."""
    kept: list[Hit] = []
    for hit in hits:
        room -= len(hit.title) + len(hit.url) + len(hit.snippet)
        if kept and room < 0:
            break
        kept.append(hit)
    return kept


def web_search_tool(call: Callable[[str], Awaitable[str]]) -> Callable[..., Any]:
    """`call` as a model sees it."""

    @tool
    async def web_search(query: str) -> str:
        """Search the web. The results are titles, addresses and short texts of pages.

        Args:
            query: A few words, as one types them into a search engine.
        """
        return await call(query)

    return web_search
