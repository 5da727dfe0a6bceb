"""What kind of file it is, told by its content."""

from typing import Literal

from brain.artifacts.errors import FileUnreadable, FileUnsupported
from brain.artifacts.limits import Limits
from brain.artifacts.readers.archives import names_in

Format = Literal["image", "pdf", "docx", "xlsx", "text"]
READABLE = "PNG, JPEG, WebP, GIF, PDF, DOCX, XLSX, CSV, Markdown, text and source files"
LOCKED = (
    "is protected by a password. Please remove the protection and send it again, "
    "or paste the text itself."
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN = (
    (b"Rar!", "a RAR archive", "send the files in it one by one"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "send the files in it one by one"),
    (b"\x1f\x8b", "a compressed archive", "send the files in it one by one"),
    (b"BZh", "a compressed archive", "send the files in it one by one"),
    (b"\xfd7zXZ", "a compressed archive", "send the files in it one by one"),
    (b"{\\rtf", "a rich text file", "save it as DOCX or PDF"),
    (b"II*\0", "a TIFF picture", "save it as PNG or JPEG"),
    (b"MM\0*", "a TIFF picture", "save it as PNG or JPEG"),
    (b"ID3", "a sound recording", "send its words as text"),
    (b"OggS", "a sound recording", "send its words as text"),
    (b"fLaC", "a sound recording", "send its words as text"),
    (b"\x7fELF", "a program", "send its source code"),
    (b"SQLite format 3\0", "a database", "export what matters as CSV"),
)
"""Magic numbers (Wikipedia, "List of file signatures") of what people also send."""


def format_of(filename: str, data: bytes, limits: Limits) -> Format:
    """Which reader takes `data`. Raises `FileRefused`; "text" means only: nothing else fits."""
    head = data[:1024]
    if _is_picture(head):
        return "image"
    if head.lstrip(b"\xef\xbb\xbf\r\n\t \0").startswith(b"%PDF-"):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_archive(filename, data, limits)
    if head.startswith(_OLE):
        raise _old_office(filename, data)
    if head[4:8] == b"ftyp":
        raise _unsupported(filename, "a film or a HEIC picture", "save a picture of it as JPEG")
    for magic, what, advice in _FOREIGN:
        if head.startswith(magic):
            raise _unsupported(filename, what, advice)
    return "text"


def _is_picture(head: bytes) -> bool:
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))


def _in_archive(filename: str, data: bytes, limits: Limits) -> Format:
    """Office files are ZIP archives with a folder `word` or `xl` (ECMA-376, part 2)."""
    names = names_in(filename, data, limits)
    if "[Content_Types].xml" in names:
        folders = {name.split("/")[0] for name in names}
        if "word" in folders:
            return "docx"
        if "xl" in folders:
            return "xlsx"
        if "ppt" in folders:
            raise _unsupported(filename, "a presentation", "save it as PDF")
    raise _unsupported(filename, "a ZIP archive", "send the files in it one by one")


def _old_office(filename: str, data: bytes) -> FileUnreadable | FileUnsupported:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return FileUnreadable(filename, LOCKED)
    return _unsupported(filename, "an Office file of before 2007", "save it as DOCX, XLSX or PDF")


def _unsupported(filename: str, what: str, advice: str) -> FileUnsupported:
    return FileUnsupported(
        filename, f"is {what}, which cannot be read here. Please {advice}; I can read {READABLE}."
    )
