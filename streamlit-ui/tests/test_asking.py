import pytest

from shared.protocol import MAX_TEXT_CHARS
from ui.asking import MAX_FILES, NotSent, check

LIMIT = 10_000_000


def test_what_fits_is_sent() -> None:
    check("Hello", [("a.txt", 1), ("b.png", LIMIT)], max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("text", "files", "said"),
    [
        ("x" * (MAX_TEXT_CHARS + 1), [], "Please shorten it"),
        ("", [("a.txt", 0)], "a.txt is empty"),
        ("", [("big.bin", LIMIT + 1)], "big.bin is too large: 10 MB, and at most 10 MB"),
        ("", [("a", 1)] * (MAX_FILES + 1), "at most 20 files"),
    ],
)
def test_what_would_be_refused_says_what_to_change(
    text: str, files: list[tuple[str, int]], said: str
) -> None:
    with pytest.raises(NotSent, match=said):
        check(text, files, max_bytes=LIMIT)
