"""Text, Markdown, source files, and CSV as a table."""

import csv
from io import StringIO

from pygments.lexers import (  # type: ignore[import-untyped]  # has no types
    find_lexer_class_by_name,
    find_lexer_class_for_filename,
)
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

from brain.artifacts.errors import FileUnreadable, FileUnsupported
from brain.artifacts.limits import Limits
from brain.artifacts.readers.detection import READABLE
from brain.artifacts.readers.document import Document
from brain.artifacts.readers.encodings import decoded
from brain.artifacts.readers.filenames import suffix_of
from brain.artifacts.readers.tables import Table, cut_note

SAMPLE_CHARS = 4000
"""How much of a text is looked at to tell its language or its separator."""
PROSE = {"": "text/plain", "text": "text/plain", "markdown": "text/markdown"}
"""Languages (Pygments' names) that are not code."""
SEPARATORS = {".csv": ",;\t|", ".tsv": "\t"}


def read_text(filename: str, data: bytes, limits: Limits) -> Document:
    """The text as it is; of a file that is called .csv or .tsv the table."""
    text = decoded(data)
    if text is None:
        raise FileUnsupported(
            filename, f"is a binary file of a kind I do not know. I can read {READABLE}."
        )
    separators = SEPARATORS.get(suffix_of(filename))
    if separators is not None:
        return _table(filename, text, separators, limits)
    language, media_type = _language(filename, text[:SAMPLE_CHARS])
    if language in PROSE:
        return Document(filename=filename, media_type=PROSE[language], kind="text", text=text)
    return Document(
        filename=filename, media_type=media_type, kind="code", text=text, language=language
    )


def _table(filename: str, text: str, separators: str, limits: Limits) -> Document:
    rows = csv.reader(StringIO(text), delimiter=_separator(text, separators))
    try:
        table = Table(rows, limits.max_text_chars)
    except csv.Error as wrong:  # a cell of more than 131,072 characters: a quote is never closed
        raise FileUnreadable(
            filename, f"is no proper table ({wrong}, line {rows.line_num}). Please send it as .txt."
        ) from wrong
    notes = (cut_note(table, limits),) if table.is_cut else ()
    return Document(
        filename=filename, media_type="text/csv", kind="table", text=table.text, notes=notes
    )


def _separator(text: str, separators: str) -> str:
    """The one that occurs most in the first lines, outside quotes."""
    unquoted = "".join(text[:SAMPLE_CHARS].split('"')[::2])
    return max(separators, key=unquoted.count)


def _language(filename: str, sample: str) -> tuple[str, str]:
    """Pygments' name and media type; by the suffix where that is a name (.sql, .r), else by what
    Pygments knows about file names. Empty and text/plain where neither knows."""
    name = filename.lower() if suffix_of(filename) else filename
    try:
        lexer = find_lexer_class_by_name(suffix_of(filename).removeprefix("."))
    except ClassNotFound:
        lexer = find_lexer_class_for_filename(name, sample)
    if lexer is None:
        return "", "text/plain"
    return lexer.aliases[0], next(iter(lexer.mimetypes), "text/plain")
