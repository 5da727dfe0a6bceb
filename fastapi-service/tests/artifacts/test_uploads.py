"""What people send is measured, named and typed before it is kept."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brain.artifacts.errors import FileTooLarge, FileUnreadable
from brain.artifacts.keeping import FileStore
from brain.artifacts.uploads import Uploads
from shared.clock import ManualClock

HOUR = 3600.0


@pytest.fixture
def uploads(files: FileStore) -> Uploads:
    return Uploads(files, max_bytes=100, ttl_seconds=HOUR)


def on_disk(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def pieces(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_an_upload_is_its_owner_s_for_an_hour(
    uploads: Uploads, files: FileStore, clock: ManualClock
) -> None:
    one = await uploads.take("anna", "../my notes.md", pieces(b"# hello world"))
    assert (one.owner, one.filename, one.media_type) == ("anna", "my notes.md", "text/markdown")
    assert one.expires_at == clock.now() + HOUR
    assert await files.read(one) == b"# hello world"


async def test_the_limit_itself_is_fine_and_a_byte_more_is_not(
    uploads: Uploads, folder: Path
) -> None:
    await uploads.take("anna", "a", pieces(b"x" * 100))
    with pytest.raises(FileTooLarge, match=r"big\.txt is too large"):
        await uploads.take("anna", "big.txt", pieces(b"x" * 101))
    assert len(on_disk(folder)) == 1


async def test_an_empty_file_is_refused_by_its_name(uploads: Uploads, folder: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"void\.txt is empty"):
        await uploads.take("anna", "void.txt", pieces(b""))
    assert on_disk(folder) == []


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.txt", b"\x89PNG\r\n\x1a\nxxxx", "image/png"),
        ("a.pdf", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a", b"GIF89a..", "image/gif"),
        ("a.jpg", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("a.txt", b"%PDF-1.7", "application/pdf"),
        ("a.docx", b"PK\x03\x04..",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.png", b"PK\x03\x04..", "application/zip"),
        ("a.png", b"just words", "text/plain"),
        ("a.py", b"x = 1", "text/x-python"),
        ("a.csv", "a;b".encode("utf-16"), "text/csv"),
        ("a.py", b"\0\1\2", "application/octet-stream"),
    ],
)  # fmt: skip
async def test_the_type_is_the_content_s(
    uploads: Uploads, name: str, data: bytes, media_type: str
) -> None:
    assert (await uploads.take("anna", name, pieces(data))).media_type == media_type


async def test_bytes_in_a_frame_are_taken_the_same_way(uploads: Uploads, files: FileStore) -> None:
    one = await uploads.take_base64("anna", "a.bin", base64.b64encode(bytes(range(100))).decode())
    assert await files.read(one) == bytes(range(100))
    with pytest.raises(FileTooLarge, match=r"a\.bin is too large"):
        await uploads.take_base64("anna", "a.bin", base64.b64encode(bytes(101)).decode())
    with pytest.raises(FileUnreadable, match=r"a\.bin is empty"):
        await uploads.take_base64("anna", "a.bin", "")


@pytest.mark.parametrize("encoded", ["abc", "a b=", "ü===", "YWJj\n", "YW-j"])
async def test_bytes_that_arrive_damaged_are_refused(uploads: Uploads, encoded: str) -> None:
    with pytest.raises(FileUnreadable, match="arrived damaged"):
        await uploads.take_base64("anna", "a.bin", encoded)
