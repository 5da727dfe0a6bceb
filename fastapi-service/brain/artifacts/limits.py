"""How much of a file is read, and what reading it may cost."""

from dataclasses import dataclass

from brain.artifacts.errors import FileTooLarge, FileUnreadable

MEGA = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    Beyond `max_bytes`, `max_pixels`, `max_unpacked_bytes`, `seconds` and `memory_bytes` a file is
    refused. Of what is longer than `max_pages`, `max_images` or `max_text_chars` the beginning is
    read, and a note says so.

    `memory_bytes` is address space: 0.4 GB of it are the interpreter and its libraries.
    """

    max_bytes: int
    max_pages: int = 200
    max_images: int = 20
    max_pixels: int = 50 * MEGA
    max_unpacked_bytes: int = 100 * MEGA
    max_text_chars: int = 400_000
    seconds: float = 30
    memory_bytes: int = 1500 * MEGA


def check_size(filename: str, size: int, limits: Limits) -> None:
    """Raises `FileUnreadable` for a file of 0 bytes and `FileTooLarge` above `max_bytes`."""
    if size == 0:
        raise FileUnreadable(filename, "is empty. Please send it again.")
    if size > limits.max_bytes:
        raise FileTooLarge(
            filename,
            f"is too large: {megabytes(size)}, and at most {megabytes(limits.max_bytes)} can be "
            "read. Please send a smaller file or a part of it.",
        )


def megabytes(count: int) -> str:
    """`count` bytes for people: 10500000 is "10.5 MB"."""
    return f"{count / MEGA:,.1f} MB".replace(".0 ", " ")
