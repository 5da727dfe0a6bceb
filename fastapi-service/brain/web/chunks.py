"""Splits a text into passages that can be ranked, between paragraphs where that is possible."""

import re
from collections.abc import Iterator

SIZE = 1200
"""Characters; about 300 tokens, which every embedding model in the catalogue takes."""
MAX_CHUNKS = 256
"""Of one page: 300,000 characters. What comes after is left out."""
_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])")


def split(text: str, size: int = SIZE, most: int = MAX_CHUNKS) -> list[str]:
    """
    Passages of 1 to `size` characters, in order, at most `most`.

    Nothing but white space between passages is lost, and no passage is blank. A passage ends where
    a paragraph ends if it can, else a sentence, else a word.
    """
    chunks: list[str] = []
    held = ""
    for piece, joint in _pieces(text, size):
        if held and len(held) + len(joint) + len(piece) > size:
            chunks.append(held)
            held = piece
        else:
            held = held + joint + piece if held else piece
        if len(chunks) == most:
            return chunks
    return [*chunks, held] if held else chunks


def _pieces(text: str, size: int) -> Iterator[tuple[str, str]]:
    """Parts of at most `size` characters, each with what joins it to the one before."""
    for line in text.splitlines():
        paragraph = line.strip()
        if len(paragraph) <= size:
            if paragraph:
                yield paragraph, "\n"
            continue
        joint = "\n"
        for sentence in filter(None, _SENTENCE.split(paragraph)):
            for part in _cut(sentence, size):
                yield part, joint
                joint = " "


def _cut(text: str, size: int) -> Iterator[str]:
    """`text` in parts of at most `size` characters, between words where there are any."""
    while len(text) > size:
        space = text.rfind(" ", size // 2, size + 1)
        end = space if space > 0 else size
        if part := text[:end].strip():
            yield part
        text = text[end:].strip()
    if text:
        yield text
