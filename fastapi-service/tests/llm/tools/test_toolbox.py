"""What the tools of one answer may do, and what they never do."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from brain.llm.tools.toolbox import Limits, Toolbox, Web
from brain.web.errors import FetchFailed, SearchFailed
from brain.web.index import Best, Passage
from brain.web.page import Page
from brain.web.search import Hit
from shared.clock import ManualClock
from shared.errors import StoreUnavailable

NONCE = "0123456789abcdef"
LONG = "\n\n".join(f"Paragraph {n}. " + "words " * 150 for n in range(40))


async def at_once() -> None:
    """For what takes no time."""


@dataclass
class SmallWeb:
    """A search, pages and an index in one; `before` is awaited by each of them."""

    hits: list[Hit] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    searched: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] = at_once
    store_is_away: bool = False

    async def find(self, query: str, limit: int) -> list[Hit]:
        self.searched.append(query)
        await self.before()
        if query == "fail":
            raise SearchFailed("The web cannot be searched right now.")
        return self.hits[:limit]

    async def fetch(self, url: str) -> Page:
        self.fetched.append(url)
        await self.before()
        if url not in self.pages:
            raise FetchFailed("example.org has no such page.")
        return Page(url, f"Page {url[-1]}", self.pages[url], "text/plain")

    async def add(self, page: Page) -> None:
        if self.store_is_away:
            raise StoreUnavailable("test")
        self.added.append(page.url)

    async def best(self, question: str, urls: Sequence[str], k: int) -> Best:
        return Best(tuple(Passage(url, "", f"about {question}", 1.0) for url in urls[:k]), "words")


@dataclass
class Desk:
    """A toolbox and everything around it."""

    web: SmallWeb = field(default_factory=SmallWeb)
    clock: ManualClock = field(default_factory=ManualClock)
    shown: list[tuple[str, str | None]] = field(default_factory=list)

    def box(
        self, question: str = "How high?", *, before: Sequence[str] = (), **options: Any
    ) -> Toolbox:
        web: Any = self.web
        return Toolbox(
            Web(search=web, fetcher=web, index=web),
            question=question,
            from_person=before,
            show=lambda stage, detail: self.shown.append((stage, detail)),
            clock=self.clock,
            nonce=lambda: NONCE,
            **{"room_chars": 20_000} | options,
        )


@pytest.fixture
def desk() -> Desk:
    web = SmallWeb(
        hits=[Hit(f"Hit {n}", f"http://example.org/{n}", f"Snippet {n}") for n in range(1, 9)],
        pages={f"http://example.org/{n}": f"Text of page {n}." for n in range(1, 4)},
    )
    return Desk(web)


def urls(box: Toolbox) -> list[str]:
    return [one.url[-1] for one in box.sources]


async def test_results_are_quoted_and_what_they_name_may_be_read(desk: Desk) -> None:
    box = desk.box()
    found = await box.web_search("mills")
    assert found.count(NONCE) == 3
    assert "Hit 6" in found
    assert "Hit 7" not in found
    assert urls(box) == []
    text = await box.fetch_page("http://example.org/2")
    assert f"<<<{NONCE}\nTitle: Page 2\nText of page 2.\n{NONCE}>>>" in text
    assert text.startswith("Source [1].")
    assert urls(box) == ["2"]


async def test_only_what_was_named_found_or_linked_is_read(desk: Desk) -> None:
    desk.web.pages["http://example.org/1"] = "See http://example.org/3."
    box = desk.box("Read http://example.org/1", before=["and http://example.org/2"])
    assert "Only pages are read" in await box.fetch_page("http://example.org/3")
    assert "page 2" in await box.fetch_page("http://example.org/2")
    await box.fetch_page("http://example.org/1")
    assert "page 3" in await box.fetch_page("http://example.org/3")
    assert urls(box) == ["2", "1", "3"]


async def test_a_page_is_fetched_once_and_keeps_its_number(desk: Desk) -> None:
    box = desk.box("http://example.org/1 http://example.org/2")
    for number in (1, 2, 1):
        text = await box.fetch_page(f"http://example.org/{number}")
        assert text.startswith(f"Source [{number}].")
    assert desk.web.fetched == ["http://example.org/1", "http://example.org/2"]


async def test_a_page_that_cannot_be_read_is_a_sentence_and_no_source(desk: Desk) -> None:
    box = desk.box("http://example.org/9")
    assert await box.fetch_page("http://example.org/9") == "example.org has no such page."
    assert box.sources == ()


async def test_of_a_long_page_the_passages_that_fit_are_given(desk: Desk) -> None:
    desk.web.pages["http://example.org/1"] = LONG
    box = desk.box("http://example.org/1")
    text = await box.fetch_page("http://example.org/1", "the weather")
    assert "about the weather" in text
    assert "Paragraph" not in text
    assert desk.web.added == ["http://example.org/1"]


async def test_without_the_store_words_choose_the_passages(desk: Desk) -> None:
    desk.web.store_is_away = True
    desk.web.pages["http://example.org/1"] = f"{LONG}\n\nA marmot lives here."
    text = await desk.box("http://example.org/1").fetch_page("http://example.org/1", "marmot")
    assert "A marmot lives here." in text
    assert len(text) < 8000


async def test_every_call_is_shown(desk: Desk) -> None:
    box = desk.box("http://example.org/1")
    await box.web_search("mills")
    await box.fetch_page("http://example.org/1")
    assert desk.shown == [
        ("searching", "mills"),
        ("generating", None),
        ("reading_page", "http://example.org/1"),
        ("generating", None),
    ]


@pytest.mark.parametrize("tool", ["web_search", "fetch_page", "calculator"])
async def test_each_tool_has_its_own_limit(desk: Desk, tool: str) -> None:
    box = desk.box("http://example.org/1", limits=Limits(web_search=2, fetch_page=2, calculator=2))
    argument = {"web_search": "mills", "fetch_page": "http://example.org/1", "calculator": "1+1"}
    told = [await getattr(box, tool)(argument[tool]) for _ in range(4)]
    assert [("cannot be used again" in one) for one in told] == [False, False, True, True]
    others = {"calculator": box.web_search, "web_search": box.calculator}
    assert "again" not in await others.get(tool, box.calculator)("1+1")


async def test_a_call_that_takes_too_long_is_a_sentence(desk: Desk) -> None:
    desk.web.before = anyio.sleep_forever
    box = desk.box("http://example.org/1", limits=Limits(call_seconds=0.02))
    assert "took too long" in await box.web_search("mills")
    assert "took too long" in await box.fetch_page("http://example.org/1")
    assert "took too long" in await box.look_up("mills")


async def test_all_calls_together_have_a_limit(desk: Desk) -> None:
    async def a_while() -> None:
        await desk.clock.advance(50)

    desk.web.before = a_while
    box = desk.box()
    told = [await box.web_search("mills") for _ in range(4)]
    assert [("time for tools is over" in one) for one in told] == [False, False, False, True]
    assert "time for tools is over" in await box.calculator("1 + 1")


async def test_what_is_read_never_takes_more_than_its_room(desk: Desk) -> None:
    for number in range(1, 9):
        desk.web.pages[f"http://example.org/{number}"] = "words " * 500
    box = desk.box(" ".join(desk.web.pages), room_chars=7000)
    told = [await box.fetch_page(url) for url in desk.web.pages]
    assert sum(len(one) for one in told if one.startswith("Source")) < 9000
    assert "no room for more" in told[-1]
    assert await box.calculator("1 + 1") == "1 + 1 = 2"


@pytest.mark.parametrize(
    ("sum_", "told"),
    [("12 * (7+3)", "12 * (7+3) = 120"), ("1/0", "This divides by zero."), ("", "A sum has 1 to")],
)
async def test_sums_are_values_or_sentences(desk: Desk, sum_: str, told: str) -> None:
    assert (await desk.box().calculator(sum_)).startswith(told)


async def test_looking_up_reads_the_first_pages_at_the_same_time(desk: Desk) -> None:
    begun = anyio.Event()

    async def together() -> None:
        if len(desk.web.fetched) == 3:
            begun.set()
        if desk.web.fetched:
            await begun.wait()

    desk.web.before = together
    box = desk.box()
    with anyio.fail_after(2):
        text = await box.look_up("mills")
    assert [f"Text of page {n}." in text for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert urls(box) == ["1", "2", "3"]
    assert not box.used


async def test_looking_up_goes_on_without_pages_that_fail(desk: Desk) -> None:
    del desk.web.pages["http://example.org/1"]
    box = desk.box()
    text = await box.look_up("mills")
    assert urls(box) == ["2", "3"]
    assert text.startswith("Source [1].")


async def test_looking_up_does_not_wait_for_a_slow_page(desk: Desk) -> None:
    async def slow() -> None:
        if desk.web.fetched[-1:] == ["http://example.org/2"]:
            await anyio.sleep_forever()

    desk.web.before = slow
    box = desk.box(limits=Limits(call_seconds=0.2))
    assert "Text of page 1." in await box.look_up("mills")
    assert urls(box) == ["1", "3"]


async def test_results_of_which_no_page_was_read_are_shown_and_are_no_sources(desk: Desk) -> None:
    desk.web.pages.clear()
    box = desk.box()
    text = await box.look_up("mills")
    assert "Snippet 2" in text
    assert "Source [" not in text
    assert urls(box) == []


async def test_what_is_shown_of_a_call_is_short(desk: Desk) -> None:
    box = desk.box()
    await box.web_search("mills " * 99)
    await box.fetch_page("http://example.org/" + "x" * 999)
    assert [len(detail or "") for stage, detail in desk.shown if detail] == [200, 200]


async def test_looking_up_nothing_or_in_vain_is_a_sentence(desk: Desk) -> None:
    assert "The search failed: The web cannot" in await desk.box().look_up("fail")
    desk.web.hits.clear()
    assert "found nothing" in await desk.box().look_up("mills")


async def test_a_search_that_failed_is_not_made_again_in_the_same_words(desk: Desk) -> None:
    box = desk.box()
    await box.look_up("fail")
    assert "cannot be searched" in await box.web_search(" Fail")
    await box.web_search("mills")
    await box.web_search("mills")
    assert desk.web.searched == ["fail", "mills", "mills"]


async def test_what_no_page_should_be_able_to_break_still_gives_an_answer(desk: Desk) -> None:
    async def broken() -> None:
        if desk.web.fetched[-1:] == ["http://example.org/1"]:
            raise UnicodeError("halves of signs")

    desk.web.before = broken
    box = desk.box("http://example.org/1", limits=Limits(call_seconds=5))
    assert "fetch_page failed" in await box.fetch_page("http://example.org/1")
    assert "The search failed." in await box.look_up("mills")
    desk.web.fetched.clear()
    assert "Text of page 2." in await box.look_up("mills")


async def test_a_model_is_offered_what_its_route_has(desk: Desk) -> None:
    names = [one.tool_name for one in desk.box().tools({"calculator", "web_search"})]  # type: ignore[attr-defined]  # strands decorates functions
    assert names == ["web_search", "calculator"]
