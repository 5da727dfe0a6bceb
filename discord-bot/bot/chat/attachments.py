"""Which files of a message go to the brain; decided before anything is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from shared.protocol import Attachment

MAX_FILES = 10
"""As many as Discord takes in one message."""

NOT_READ = {
    ".mp3", ".mp4", ".wav", ".ogg", ".webm", ".mov", ".avi", ".mkv", ".zip", ".gz", ".7z", ".rar",
    ".exe", ".dll", ".iso", ".dmg", ".apk", ".bin",
}  # fmt: skip
"""What nobody here can read; everything else is the brain's to judge."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A file as the message names it; `size` in bytes."""

    filename: str
    content_type: str | None
    size: int
    url: str


def sorted_out(
    offered: Sequence[Offered], max_file_size_mb: float
) -> tuple[list[Attachment], list[str]]:
    """The files that go on, and a sentence for each that does not."""
    taken: list[Attachment] = []
    complaints: list[str] = []
    for one in offered:
        ending = PurePosixPath(one.filename).suffix.lower()
        if one.size > max_file_size_mb * 1_000_000:
            complaints.append(f"{one.filename} is larger than {max_file_size_mb:g} MB.")
        elif ending in NOT_READ:
            complaints.append(f"{one.filename}: files of type {ending} cannot be read.")
        elif len(taken) >= MAX_FILES:
            complaints.append(f"{one.filename}: only {MAX_FILES} files go with one question.")
        else:
            kind = (one.content_type or "application/octet-stream").split(";")[0]
            taken.append(
                Attachment(
                    filename=one.filename[-255:], content_type=kind, size=one.size, url=one.url
                )
            )
    return taken, complaints
