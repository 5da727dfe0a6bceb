"""What people send: its size, its name and its type are looked at before it is kept."""

import base64
import binascii
from collections.abc import AsyncIterable, AsyncIterator

from brain.artifacts.errors import FileUnreadable
from brain.artifacts.keeping import FileStore, Kept
from brain.artifacts.names import media_type_of
from brain.artifacts.readers.filenames import clean_name, suffix_of

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_OFFICE = "application/vnd.openxmlformats-officedocument"
_ZIPPED = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
}


class Uploads:
    """Takes files in. Whether one can be read shows when it is read."""

    def __init__(self, files: FileStore, *, max_bytes: int, ttl_seconds: float) -> None:
        self._files = files
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds

    async def take(self, owner: str, filename: str, pieces: AsyncIterable[bytes]) -> Kept:
        """
        Keep a stream for `owner`. Raises `FileTooLarge`, and `FileUnreadable` for an empty one.

        No more than `max_bytes` are ever on the disk, and no more than a piece in memory.
        """
        name = clean_name(filename)
        async with self._files.received(
            pieces, owner=owner, filename=name, limit=self._max_bytes
        ) as part:
            if part.size == 0:
                raise FileUnreadable(name, "is empty. Please send it again.")
            media_type = type_at_the_door(name, await part.head(HEAD_BYTES))
            return await part.keep(media_type, ttl_seconds=self._ttl_seconds)

    async def take_base64(self, owner: str, filename: str, encoded: str) -> Kept:
        """As `take`, for the bytes inside a frame (RFC 4648, section 4)."""
        name = clean_name(filename)
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as broken:
            raise FileUnreadable(name, "arrived damaged. Please send it again.") from broken
        return await self.take(owner, name, _one(data))


def type_at_the_door(name: str, head: bytes) -> str:
    """The media type that the first bytes show; of text the one its name says."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"PK\x03\x04"):
        return _ZIPPED.get(suffix_of(name), "application/zip")
    is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return UNKNOWN if b"\0" in head and not is_utf16 else media_type_of(name)


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
