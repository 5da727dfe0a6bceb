"""The parts that have to do with the web as a source."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from brain.artifacts.limits import Limits
from brain.artifacts.reading import read_safely
from brain.config import Settings
from brain.llm.embedding import Embedder
from brain.llm.tools.toolbox import Web
from brain.web.addresses import Allowed
from brain.web.download import Downloader
from brain.web.fetch import MAX_BYTES, Fetcher
from brain.web.index import PageIndex
from brain.web.search import LibrarySearch, SearxSearch, searx_server
from shared.clock import Clock
from shared.store import Store


@asynccontextmanager
async def open_web(
    settings: Settings, *, store: Store, embed: Embedder, embedding_model: str, clock: Clock
) -> AsyncIterator[Web]:
    """
    Search by `SEARCH_URL`, else by the library; pages from the internet and from `FETCH_ALLOW`.

    Raises `ValueError` with a sentence when that cannot be read.
    """
    downloader = Downloader(Allowed.parse(settings.fetch_allow))
    fetcher = Fetcher(downloader, clock, read_file=_text_of)
    index = PageIndex(store, embed, clock, model=embedding_model)
    if settings.search_url is None:
        yield Web(search=LibrarySearch(), fetcher=fetcher, index=index)
        return
    async with searx_server(settings.search_url) as server:
        yield Web(search=SearxSearch(server), fetcher=fetcher, index=index)


async def _text_of(filename: str, data: bytes) -> str:
    return (await read_safely(filename, data, Limits(max_bytes=MAX_BYTES))).text
