"""From a name and bytes to a document: which reader takes it, and what they have in common."""

from dataclasses import replace

from brain.artifacts.errors import FileRefused, FileTooLarge, FileUnreadable
from brain.artifacts.limits import Limits, check_size
from brain.artifacts.readers.archives import DAMAGED
from brain.artifacts.readers.detection import Format, format_of
from brain.artifacts.readers.document import Document
from brain.artifacts.readers.filenames import clean_name, suffix_of

_MEANS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""What a suffix promises; other suffixes promise nothing that could be wrong."""


def read(filename: str, data: bytes, limits: Limits) -> Document:
    """
    What `data` says. Raises `FileTooLarge`, `FileUnsupported` or `FileUnreadable`, nothing else.

    It may take long, much memory, or the whole process with it: `artifacts.reading.read_safely` is
    for files of other people. Not for two threads at once (PDFium is not made for that).
    """
    name = clean_name(filename)
    check_size(name, len(data), limits)
    try:
        return _finished(_read(name, data, limits), limits)
    except FileRefused:
        raise
    except MemoryError as wrong:
        raise FileTooLarge(
            name, "needs too much memory to be read. Please send a part of it."
        ) from wrong
    except Exception as wrong:  # parsers raise anything when a file is broken
        raise FileUnreadable(name, DAMAGED) from wrong


def _read(name: str, data: bytes, limits: Limits) -> Document:
    return _read_as(format_of(name, data, limits), name, data, limits)


def _read_as(kind: Format, name: str, data: bytes, limits: Limits) -> Document:
    # Imported where needed: all of them take a second to load, in a process made for one file.
    match kind:
        case "image":
            from brain.artifacts.readers.pictures import read_picture as reader
        case "pdf":
            from brain.artifacts.readers.pdf import read_pdf as reader
        case "docx":
            from brain.artifacts.readers.word import read_word as reader
        case "xlsx":
            from brain.artifacts.readers.sheets import read_sheets as reader
        case "text":
            from brain.artifacts.readers.text import read_text as reader
    return reader(name, data, limits)


def _finished(document: Document, limits: Limits) -> Document:
    """
    With what applies to every kind: it holds something, no more than is wanted, and a note where
    the name promises something else.
    """
    if not document.text.strip() and not document.images:
        raise FileUnreadable(
            document.filename, "holds nothing that can be read. Please send it with its content."
        )
    notes = list(document.notes)
    promised = _MEANS.get(suffix_of(document.filename), document.media_type)
    if promised != document.media_type:
        notes.append(f"It was read as {document.media_type}; its name says otherwise.")
    if len(document.text) > limits.max_text_chars:
        notes.append(f"Only the first {limits.max_text_chars:,} characters were read.")
    text = document.text[: limits.max_text_chars]
    return replace(document, text=text, notes=tuple(notes))
