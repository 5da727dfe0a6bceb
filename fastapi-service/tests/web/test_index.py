import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from brain.web.index import KEEP_SECONDS, TABLE, PageIndex
from brain.web.page import Page
from shared.clock import ManualClock
from shared.errors import Busy
from shared.settings import StoreSettings
from shared.store import Store, open_store

TEA = Page(
    "https://a.test/tea", "Tea", "Tea is a drink.\n" + "Leaves and water. " * 300, "text/html"
)
CATS = Page("https://b.test/cats", "Cats", "Cats sleep sixteen hours a day.", "text/html")


class Embedding:
    """Words to places in a vector by their hash. It can fail, and counts."""

    def __init__(self, size: int = 64) -> None:
        self.size = size
        self.fails = False
        self.texts: list[str] = []

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        if self.fails:
            raise Busy("The embedding model rests.")
        self.texts += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.size
        for word in text.lower().replace(".", " ").replace("?", " ").split():
            vector[hashlib.sha256(word.encode()).digest()[0] % self.size] += 1.0
        return vector


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    settings = StoreSettings(_env_file=None, store_url=f"sqlite:///{tmp_path}/web.db")
    async with open_store(settings, tables=(TABLE,), clock=clock) as store:
        yield store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def embedding() -> Embedding:
    return Embedding()


@pytest.fixture
def index(store: Store, embedding: Embedding, clock: ManualClock) -> PageIndex:
    return PageIndex(store, embedding, clock, model="hash")


async def test_the_passage_that_fits_comes_first_with_its_page(index: PageIndex) -> None:
    await index.add(TEA)
    await index.add(CATS)
    best = await index.best("How many hours do cats sleep?", [TEA.url, CATS.url], 2)
    assert best.ranked_by == "meaning"
    first, second = best.passages
    assert (first.url, first.title, first.text) == (CATS.url, "Cats", CATS.text)
    assert second.url == TEA.url
    assert first.score > second.score


async def test_only_the_pages_asked_for_are_ranked(index: PageIndex) -> None:
    await index.add(TEA)
    await index.add(CATS)
    best = await index.best("cats", [TEA.url, "https://nowhere.test/"], 50)
    assert {passage.url for passage in best.passages} == {TEA.url}
    assert len(best.passages) > 3
    assert (await index.best("cats", [], 5)).passages == ()


async def test_a_page_that_did_not_change_is_not_embedded_again(
    index: PageIndex, embedding: Embedding, clock: ManualClock
) -> None:
    await index.add(CATS)
    await index.add(CATS)
    assert embedding.texts == [CATS.text]
    await clock.advance(KEEP_SECONDS / 2 + 1)
    await index.add(CATS)
    assert embedding.texts == [CATS.text] * 2


async def test_a_page_that_changed_replaces_what_it_was(index: PageIndex) -> None:
    await index.add(CATS)
    await index.add(Page(CATS.url, "Cats", "Cats eat fish.", "text/html"))
    best = await index.best("cats", [CATS.url], 5)
    assert [passage.text for passage in best.passages] == ["Cats eat fish."]


async def test_pages_expire(index: PageIndex, clock: ManualClock) -> None:
    await index.add(CATS)
    await clock.advance(KEEP_SECONDS + 2)
    assert (await index.best("cats", [CATS.url], 5)).passages == ()


async def test_another_model_never_meets_the_vectors_of_the_first(
    index: PageIndex, store: Store, clock: ManualClock
) -> None:
    await index.add(CATS)
    other = Embedding(size=8)
    renewed = PageIndex(store, other, clock, model="other")
    assert (await renewed.best("cats sleep", [CATS.url], 1)).ranked_by == "words"
    await renewed.add(CATS)
    assert other.texts[-1] == CATS.text
    assert (await renewed.best("cats sleep", [CATS.url], 1)).ranked_by == "meaning"


async def test_without_vectors_words_decide_and_it_is_said(
    index: PageIndex, embedding: Embedding
) -> None:
    embedding.fails = True
    await index.add(TEA)
    await index.add(CATS)
    best = await index.best("hours of sleep", [TEA.url, CATS.url], 1)
    assert (best.ranked_by, best.passages[0].url) == ("words", CATS.url)
    embedding.fails = False
    await index.add(CATS)
    assert (await index.best("hours of sleep", [CATS.url], 1)).ranked_by == "meaning"
    assert (await index.best("hours of sleep", [TEA.url, CATS.url], 1)).ranked_by == "words"


async def test_a_question_that_cannot_be_embedded_is_ranked_by_words(
    index: PageIndex, embedding: Embedding
) -> None:
    await index.add(CATS)
    embedding.fails = True
    assert (await index.best("cats", [CATS.url], 1)).ranked_by == "words"


@pytest.mark.parametrize(
    "vectors", [[], [[]], [[1.0], [2.0]], [[float("nan")]], [[float("inf")]], ["x"], [[1.0, [2.0]]]]
)
async def test_an_answer_that_is_no_vectors_counts_as_none(
    vectors: list[list[float]], store: Store, clock: ManualClock
) -> None:
    async def embed(texts: Sequence[str]) -> list[list[float]]:
        return vectors

    index = PageIndex(store, embed, clock, model="odd")
    await index.add(CATS)
    best = await index.best("cats", [CATS.url], 1)
    assert (best.ranked_by, best.passages[0].text) == ("words", CATS.text)


async def test_a_huge_page_with_long_vectors_fits_into_the_store(
    store: Store, clock: ManualClock
) -> None:
    big = Page("https://a.test/big", "", '"\\\n' * 10 + "漢字。" * 130_000, "text/plain")
    embedding = Embedding(size=4096)
    index = PageIndex(store, embedding, clock, model="long")
    await index.add(big)
    best = await index.best("漢字", [big.url], 1000)
    assert best.ranked_by == "meaning"
    assert len(best.passages) == 256
