import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest

from brain.web.errors import SearchFailed
from brain.web.search import Hit, LibrarySearch, SearxSearch, searx_server, shortened
from small_web import Answer, Site

ROWS = [
    {"title": "Tea &amp; <b>more</b>", "url": "https://a.test/", "content": "About\n  tea."},
    {"title": "", "url": "https://b.test/x", "content": None},
    {"title": "again", "url": "https://a.test/", "content": "same"},
    {"title": "no web", "url": "ftp://c.test/", "content": ""},
    {"title": "script", "url": "javascript:alert(1)", "content": ""},
    {"title": "nothing"},
    "nonsense",
    {"title": "Third", "url": "http://d.test/", "content": "x" * 1000},
    {"title": "Fourth", "url": "http://e.test/", "content": ""},
]


def found(rows: Sequence[Any]) -> Answer:
    body = json.dumps({"query": "tea", "results": rows}).encode()
    return Answer(body, headers={"Content-Type": "application/json"})


@pytest.fixture
async def searx(site: Site) -> AsyncIterator[SearxSearch]:
    async with searx_server(site.url("/")) as server:
        yield SearxSearch(server)


async def test_searxng_is_asked_as_its_pages_say(site: Site, searx: SearxSearch) -> None:
    site.paths["/search?q=green%20tea&format=json"] = found(ROWS)
    site.paths["/search?q=green+tea&format=json"] = found(ROWS)
    assert await searx.find(" green \n tea ", 3) == [
        Hit("Tea & more", "https://a.test/", "About tea."),
        Hit("https://b.test/x", "https://b.test/x", ""),
        Hit("Third", "http://d.test/", "x" * 500),
    ]


async def test_nothing_found_is_an_empty_list(site: Site, searx: SearxSearch) -> None:
    site.paths["/search?q=tea&format=json"] = found([])
    assert await searx.find("tea", 5) == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=500), Answer(status=403), Answer(b"<html>"), Answer(b"[]"), Answer(b"{}"),
        Answer(b'{"results": "x"}'), Answer(b'{"error": {"code": "x", "message": "y"}}', 429),
    ],
)  # fmt: skip
async def test_an_engine_that_fails_is_a_sentence(
    answer: Answer, site: Site, searx: SearxSearch
) -> None:
    site.paths["/search?q=tea&format=json"] = answer
    with pytest.raises(SearchFailed) as failed:
        await searx.find("tea", 5)
    assert failed.value.body()["error"] == {
        "code": "search.failed",
        "message": "The web cannot be searched right now; please try again in a moment.",
        "retryable": True,
    }


async def test_an_engine_that_is_not_there_is_a_sentence() -> None:
    async with searx_server("http://127.0.0.9:9") as server:
        with pytest.raises(SearchFailed, match="right now"):
            await SearxSearch(server).find("tea", 5)


async def test_the_library_gives_the_same_kind_of_hits() -> None:
    asked = []

    def ask(query: str, limit: int) -> list[dict[str, Any]]:
        asked.append((query, limit))
        return [{"title": "T", "href": "https://a.test/", "body": "B"}]

    assert await LibrarySearch(ask).find("tea", 4) == [Hit("T", "https://a.test/", "B")]
    assert asked == [("tea", 4)]


async def test_a_library_that_raises_is_a_sentence() -> None:
    def ask(query: str, limit: int) -> list[dict[str, Any]]:
        raise RuntimeError("an engine changed")

    with pytest.raises(SearchFailed, match="right now"):
        await LibrarySearch(ask).find("tea", 5)


async def test_a_library_that_hangs_is_left_behind() -> None:
    def ask(query: str, limit: int) -> list[dict[str, Any]]:
        time.sleep(0.2)
        return []

    with anyio.fail_after(0.15), pytest.raises(SearchFailed, match="took too long"):
        await LibrarySearch(ask, seconds=0.02).find("tea", 5)


async def test_the_library_that_is_installed_says_nothing_found_as_we_expect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every engine of ddgs answers with nothing, without a network."""
    from ddgs.base import BaseSearchEngine

    from brain.web.search import ask_library

    monkeypatch.setattr(BaseSearchEngine, "search", lambda *_, **__: [])
    assert await anyio.to_thread.run_sync(ask_library, "tea", 5) == []


@pytest.mark.parametrize("query", ["", "  \n "])
async def test_an_empty_query_is_a_sentence(query: str) -> None:
    with pytest.raises(SearchFailed, match="nothing to search for"):
        await LibrarySearch(lambda *_: []).find(query, 5)


def test_a_long_query_is_cut() -> None:
    assert shortened("tea " * 500) == ("tea " * 100).strip()
