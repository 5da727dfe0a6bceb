"""
Reading pages in the middle of an answer: what of them a model is given.

A page that is short enough is given whole; of a longer one, the passages that fit the question.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import anyio.to_thread
import structlog
from strands import tool

from brain.llm.tools.sources import Sources
from brain.web.chunks import SIZE, split
from brain.web.errors import FetchFailed
from brain.web.fetch import Fetcher
from brain.web.index import PageIndex, Passage
from brain.web.instructions import quoted, seen
from brain.web.page import Page
from brain.web.ranking import by_words
from shared.errors import StoreUnavailable

log = structlog.get_logger(__name__)


class Reader:
    """The pages of one answer: each is fetched once and keeps its number."""

    def __init__(self, fetcher: Fetcher, index: PageIndex, sources: Sources) -> None:
        self._fetcher = fetcher
        self._index = index
        self._sources = sources
        self._pages: dict[str, Page] = {}

    async def fetch(self, url: str) -> Page:
        """
        The page at `url`; the addresses that stand in it may be read from now on. Raises
        `FetchFailed`, also where `url` was never opened (see `sources`).
        """
        if not self._sources.is_open(url):
            raise FetchFailed(
                "Only pages are read that the person named, that a search found, or that a page "
                "which was read links to, by exactly that address."
            )
        page = self._pages.get(url)
        if page is None:
            page = self._pages[url] = await self._fetcher.fetch(url)
            self._sources.open_all_in(page.text)
        return page

    async def quote(self, pages: Sequence[Page], question: str, *, room: int, nonce: str) -> str:
        """
        What `pages` say about `question` as numbered sources of at most about `room` characters.

        Only pages of which something is quoted get a number.
        """
        texts: dict[str, list[str]] = {}
        if sum(len(page.text) for page in pages) <= room:
            texts = {page.url: [page.text] for page in pages}
        else:
            for passage in await self._best(pages, question, max(1, room // SIZE)):
                texts.setdefault(passage.url, []).append(passage.text)
        titles = {page.url: seen(page.title) for page in pages}
        return "\n\n".join(
            quoted(
                self._sources.cite(url, titles[url]),
                url,
                titles[url],
                "\n[…]\n".join(text),
                nonce,
            )
            for url, text in texts.items()
        )

    async def _best(self, pages: Sequence[Page], question: str, k: int) -> Sequence[Passage]:
        try:
            for page in pages:
                await self._index.add(page)
            found = await self._index.best(question, [page.url for page in pages], k)
            return found.passages
        except StoreUnavailable as away:
            log.warning("pages.not_kept", reason=away.reason)
        passages = [(page, text) for page in pages for text in split(page.text)]
        ranked = await anyio.to_thread.run_sync(by_words, question, [p[1] for p in passages], k)
        return [
            Passage(passages[row][0].url, passages[row][0].title, passages[row][1], score)
            for row, score in ranked
        ]


def fetch_page_tool(call: Callable[[str, str], Awaitable[str]]) -> Callable[..., Any]:
    """`call` as a model sees it."""

    @tool
    async def fetch_page(url: str, looking_for: str = "") -> str:
        """Read a web page: one that a search found, that the person named, or that a page you read
        links to.

        Args:
            url: The whole address, exactly as it was given to you.
            looking_for: What you want to know from it, in a few words; it chooses the passages.
        """
        return await call(url, looking_for)

    return fetch_page
