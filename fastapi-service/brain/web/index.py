"""
Passages of the pages fetched lately, and which of them fit a question.

table webpage_chunks   pk page#<sha256 of url>   sk head                 what the page is made of
                                                 sk <digest>#<number>    texts with their vectors

The head is written last and names the digest (of text and embedding model) whose rows count, so
two that add a page at once, or a page that changed, mix nothing. Rows of a page expire together.
"""

import base64
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import anyio.to_thread
import numpy as np
import structlog

from brain.web.chunks import split
from brain.web.page import Page
from brain.web.ranking import Vectors, by_meaning, by_words
from shared.clock import Clock
from shared.errors import BoundaryError
from shared.store import MAX_WRITES, Item, Key, Put, Store

log = structlog.get_logger(__name__)

TABLE = "webpage_chunks"
KEEP_SECONDS = 6 * 3600.0
"""A page that is wanted again in the second half of this is embedded anew."""
ROW_BYTES = 350_000
"""Of texts and vectors in one row; the store takes 400 KB with everything around."""
EMBED_AT_ONCE = 64
"""Texts in one call of the embedding model."""

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Texts to one vector each, all of one length. Raises `BoundaryError` when it cannot."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a page and how well it fits (comparable within one `Best` only)."""

    url: str
    title: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Best:
    """Passages, best first, and whether they were ranked by meaning or only by shared words."""

    passages: tuple[Passage, ...]
    ranked_by: Literal["meaning", "words"]


@dataclass(frozen=True, slots=True)
class _Stored:
    url: str
    title: str
    texts: Sequence[str]
    vectors: Vectors | None


class PageIndex:
    """
    The passages of fetched pages. `model` names the embedding model behind `embed`: vectors of
    different models are never compared.

    Every method may raise `StoreUnavailable`.
    """

    def __init__(self, store: Store, embed: Embed, clock: Clock, *, model: str) -> None:
        self._store = store
        self._embed = embed
        self._clock = clock
        self._model = model

    async def add(self, page: Page) -> None:
        """Keep `page` for some hours; without vectors where the embedding model fails."""
        key, now = _head_of(page.url), self._clock.now()
        digest = sha256(f"{self._model}\n{page.title}\n{page.text}".encode()).hexdigest()
        head = await self._store.get(key)
        if head is not None and head["digest"] == digest and head["until"] > now + KEEP_SECONDS / 2:
            return
        texts = split(page.text)
        vectors = await self._vectors(texts)
        if vectors is None:
            digest = f"words-{digest}"  # so that the next visit tries to embed it again
        until = now + KEEP_SECONDS
        rows = [
            Put(Key(TABLE, key.pk, f"{digest}#{number:04}"), item, expires_at=until)
            for number, item in enumerate(_rows(texts, vectors))
        ]
        for start in range(0, len(rows), MAX_WRITES):
            await self._store.write(*rows[start : start + MAX_WRITES])
        told = {"url": page.url, "title": page.title, "digest": digest, "until": until}
        await self._store.write(Put(key, told, expires_at=until))

    async def best(self, question: str, urls: Sequence[str], k: int) -> Best:
        """
        The `k` passages of the pages at `urls` that fit `question` best. Pages that were not added,
        or have expired, are left out.
        """
        pages = [page for url in dict.fromkeys(urls) if (page := await self._stored(url))]
        matrices = [page.vectors for page in pages if page.vectors is not None]
        asked = None
        if pages and len(matrices) == len(pages) and len({len(m[0]) for m in matrices}) == 1:
            asked = await self._vectors([question])
        if asked is not None and asked.shape[1] == matrices[0].shape[1]:
            ranked = await anyio.to_thread.run_sync(
                lambda: by_meaning(asked[0], np.concatenate(matrices), k)
            )
            return Best(_passages(pages, ranked), "meaning")
        texts = [text for page in pages for text in page.texts]
        ranked = await anyio.to_thread.run_sync(by_words, question, texts, k)
        return Best(_passages(pages, ranked), "words")

    async def _vectors(self, texts: Sequence[str]) -> Vectors | None:
        """One row a text; None where the model fails or answers something else."""
        found: list[Sequence[float]] = []
        try:
            for start in range(0, len(texts), EMBED_AT_ONCE):
                found += await self._embed(texts[start : start + EMBED_AT_ONCE])
            vectors = np.asarray(found, np.float32)
        except (BoundaryError, ValueError) as failed:
            log.warning("embedding.failed", reason=str(failed), texts=len(texts))
            return None
        right = vectors.ndim == 2 and len(vectors) == len(texts) and vectors.shape[1] > 0
        if not right or not np.isfinite(vectors).all():
            log.warning("embedding.failed", reason="no vectors", texts=len(texts))
            return None
        return vectors

    async def _stored(self, url: str) -> _Stored | None:
        key = _head_of(url)
        head = await self._store.get(key)
        if head is None:
            return None
        rows = await self._store.query(TABLE, key.pk, prefix=f"{head['digest']}#")
        texts = [text for row in rows for text in row.item["texts"]]
        parts = [_unpacked(row.item) for row in rows if "vectors" in row.item]
        if not texts:
            return None
        vectors = np.concatenate(parts) if len(parts) == len(rows) else None
        return _Stored(head["url"], head["title"], texts, vectors)


def _head_of(url: str) -> Key:
    return Key(TABLE, f"page#{sha256(url.encode()).hexdigest()}", "head")


def _rows(texts: Sequence[str], vectors: Vectors | None) -> Iterator[Item]:
    """As many texts, with their vectors, in each row as fit."""
    start = size = 0
    each = 0 if vectors is None else vectors.shape[1] * 4 * 4 // 3 + 4
    for end, text in enumerate(texts):
        more = len(text.encode("utf-8", "replace")) * 2 + each  # escaped it may be twice as long
        if size + more > ROW_BYTES and end > start:
            yield _row(texts, vectors, start, end)
            start, size = end, 0
        size += more
    if start < len(texts):
        yield _row(texts, vectors, start, len(texts))


def _row(texts: Sequence[str], vectors: Vectors | None, start: int, end: int) -> Item:
    item: Item = {"texts": list(texts[start:end])}
    if vectors is not None:
        raw = vectors[start:end].astype("<f4").tobytes()
        item |= {"vectors": base64.b64encode(raw).decode("ascii"), "size": vectors.shape[1]}
    return item


def _unpacked(item: Item) -> Vectors:
    raw = base64.b64decode(item["vectors"])
    return np.frombuffer(raw, "<f4").astype(np.float32, copy=False).reshape(-1, int(item["size"]))


def _passages(pages: Sequence[_Stored], ranked: Sequence[tuple[int, float]]) -> tuple[Passage, ...]:
    flat = [(page, text) for page in pages for text in page.texts]
    return tuple(
        Passage(flat[row][0].url, flat[row][0].title, flat[row][1], score) for row, score in ranked
    )
