"""What stands in for a tokenizer: pieces of text of about the size real tokens have."""

import re

_PIECE = re.compile(r"\s*[^\W_]{1,7}|\s*\S|\s+$")


def pieces(text: str) -> list[str]:
    """`text` cut into tokens; joined they are `text` again, whatever it holds."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens `text` has: 0 only for the empty text."""
    return sum(1 for _ in _PIECE.finditer(text))
