"""
What the page index costs, and whether it is exact, with an embedding that costs nothing.

    .venv/bin/python benchmarks/retrieval.py [--quick]

The index through the store (SQLite): pages of 256 passages added, then the best of one, ten and
forty pages. And ranking alone (numpy, all rows looked at) for up to 100,000 passages, against brute
force in Python floats with exactly rounded sums. Each cell is the median of several runs.

The embedding hashes words into a vector. It makes the same numbers each time, and it says nothing
about how well a real embedding model finds what a person means: that is not measured here.
Exits 1 when a ranking is not what brute force gives.
"""

import argparse
import hashlib
import math
import resource
import sys
import tempfile
from collections.abc import Sequence
from statistics import median
from time import perf_counter

import anyio
import numpy as np

from brain.web.index import TABLE, PageIndex
from brain.web.page import Page
from brain.web.ranking import Vectors, by_meaning, by_words
from shared.clock import SystemClock
from shared.settings import StoreSettings
from shared.store import open_store

K = 8
RUNS = 5
CHECKED = 2000
"""Rows that brute force looks at; in Python that takes a second per 1,000 x 1,024."""
TOLERANCE = 2e-6
"""Of a cosine: float32 sums of 1,024 products, each rounded to 6e-8."""


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def brute_force(question: Vectors, passages: Vectors, k: int) -> list[float]:
    """The `k` greatest cosines, from exactly rounded sums of doubles."""
    asked = question.tolist()
    length = math.sqrt(math.fsum(a * a for a in asked))
    cosines = []
    for row in passages.tolist():
        product = math.fsum(a * b for a, b in zip(asked, row, strict=True))
        cosines.append(product / (length * math.sqrt(math.fsum(b * b for b in row))))
    return sorted(cosines, reverse=True)[:k]


def error_of(question: Vectors, passages: Vectors) -> float:
    """
    The greatest difference of a cosine, rank by rank: from brute force for the first rows, from
    numpy in doubles for all of them.
    """
    return max(
        _difference(question, passages[:CHECKED], brute_force(question, passages[:CHECKED], K)),
        _difference(question, passages, in_doubles(question, passages, K)),
    )


def in_doubles(question: Vectors, passages: Vectors, k: int) -> list[float]:
    """The `k` greatest cosines, computed in doubles, a thousand rows at a time."""
    asked = question.astype(np.float64)
    cosines: list[float] = []
    for start in range(0, len(passages), 1000):
        rows = passages[start : start + 1000].astype(np.float64)
        cosines += (rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)).tolist()
    return sorted(cosines, reverse=True)[:k]


def _difference(question: Vectors, passages: Vectors, right: Sequence[float]) -> float:
    found = by_meaning(question, passages, K)
    return max(abs(score - exact) for (_, score), exact in zip(found, right, strict=True))


def timed_ranking(question: Vectors, passages: Vectors) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(RUNS):
        began = perf_counter()
        by_meaning(question, passages, K)
        times.append((perf_counter() - began) * 1000)
    return median(times)


def ranking(sizes: Sequence[int], dimensions: Sequence[int]) -> float:
    """Prints the table of ranking alone; returns the worst error."""
    random = np.random.default_rng(20261121)
    worst = 0.0
    say("ranking alone           passages   ms     matrix MB   error against brute force")
    for size in dimensions:
        for count in sizes:
            passages = random.standard_normal((count, size), np.float32)
            question = random.standard_normal(size, np.float32)
            error = error_of(question, passages)
            worst = max(worst, error)
            milliseconds = timed_ranking(question, passages)
            megabytes = passages.nbytes / 1e6
            say(
                f"  {size:5} dimensions {count:13,} {milliseconds:8.2f} {megabytes:10.1f}"
                f"   {error:.1e}"
            )
    return worst


class Hashed:
    """Words to places in a vector by their hash; always the same."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text).tolist() for text in texts]

    def _vector(self, text: str) -> Vectors:
        vector = np.full(self._size, 0.01, np.float32)
        for word in text.split():
            digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
            vector[int.from_bytes(digest, "big") % self._size] += 1
        return vector


def page(number: int) -> Page:
    """A page of 256 passages of 1,200 characters."""
    random = np.random.default_rng(number)
    words = [f"word{value}" for value in random.integers(0, 50_000, 256 * 150)]
    return Page(f"https://site{number}.test/", f"Page {number}", " ".join(words), "text/plain")


async def stored(pages: int, size: int) -> None:
    """Prints what adding and asking through the store takes."""
    with tempfile.TemporaryDirectory() as folder:
        settings = StoreSettings(_env_file=None, store_url=f"sqlite:///{folder}/web.db")
        clock = SystemClock()
        async with open_store(settings, tables=(TABLE,), clock=clock) as store:
            index = PageIndex(store, Hashed(size), clock, model="hash")
            known = [page(number) for number in range(pages)]
            times = []
            for one in known:
                began = perf_counter()
                await index.add(one)
                times.append((perf_counter() - began) * 1000)
            say(f"  add a page        {median(times):8.1f} ms, with the hash as embedding")
            began = perf_counter()
            await index.add(known[0])
            say(f"  add it unchanged  {(perf_counter() - began) * 1000:8.1f} ms")
            for count in (1, 10, pages):
                await ask(index, [one.url for one in known[:count]])


async def ask(index: PageIndex, urls: Sequence[str]) -> None:
    """Prints what finding the best passages of these pages takes, and how much memory."""
    times = []
    for run in range(RUNS):
        began = perf_counter()
        best = await index.best(f"word{run} word77 word4711", urls, K)
        times.append((perf_counter() - began) * 1000)
    assert best.ranked_by == "meaning"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"  best of {len(urls):3} pages {median(times):8.1f} ms, peak of the process {peak:.0f} MB")


def words_alone(pages: int) -> None:
    """Prints what ranking by words takes: the way out when there is no embedding."""
    texts = [text for number in range(pages) for text in _passages(page(number).text)]
    began = perf_counter()
    by_words("word77 word4711 word1", texts, K)
    say(f"  {len(texts):,} passages by words: {(perf_counter() - began) * 1000:.0f} ms")


def _passages(text: str) -> list[str]:
    return [text[start : start + 1200] for start in range(0, len(text), 1200)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    options = parser.parse_args()
    sizes = (1_000, 10_000) if options.quick else (1_000, 10_000, 100_000)
    dimensions = (384,) if options.quick else (384, 1024)
    pages = 4 if options.quick else 40
    for size in dimensions:  # first, as the peak of memory never falls
        say(f"through the store, {size} dimensions, pages of 256 passages")
        anyio.run(stored, pages, size)
    say("without an embedding")
    words_alone(min(10, pages))
    worst = ranking(sizes, dimensions)
    exact = worst <= TOLERANCE
    say(f"\n{'exact' if exact else 'NOT EXACT'}: worst error {worst:.1e}, allowed {TOLERANCE:.0e}")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
