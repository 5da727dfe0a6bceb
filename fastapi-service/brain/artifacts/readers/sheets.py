"""XLSX: the sheets as Markdown tables, with the values that were last calculated, else formulas."""

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from openpyxl import load_workbook  # type: ignore[import-untyped]  # has no types

from brain.artifacts.limits import Limits
from brain.artifacts.readers.archives import check_xml
from brain.artifacts.readers.document import Document
from brain.artifacts.readers.tables import Table, cut_note

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def read_sheets(filename: str, data: bytes, limits: Limits) -> Document:
    """A heading and a table for each sheet that holds something, in the order of the file."""
    check_xml(filename, data)
    texts: list[str] = []
    cuts: list[str] = []
    room = limits.max_text_chars
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl's, about extensions that hold no values
        both = zip(_sheets(data, True), _sheets(data, False), strict=True)
        for number, (sheet, formulas) in enumerate(both, 1):
            heading = f"## {sheet.title}\n\n"
            table = Table(_rows(sheet, formulas), room - len(heading))
            if table.is_cut:
                # By number: a title is the file's word, and notes are ours.
                cuts.append(cut_note(table, limits, f" of sheet {number}"))
            if table.rows:
                texts.append(heading + table.text)
                room -= len(texts[-1]) + len("\n\n")
    return Document(
        filename=filename,
        media_type=MEDIA_TYPE,
        kind="table",
        text="\n\n".join(texts),
        notes=tuple(_notes(cuts)),
    )


def _notes(cuts: Sequence[str]) -> Iterator[str]:
    yield from cuts[:1]
    if len(cuts) > 1:
        yield f"Sheets after it that were cut or left out: {len(cuts) - 1:,}."


def _sheets(data: bytes, data_only: bool) -> list[Any]:
    """With the values last calculated (`data_only`) or the formulas; read as they are asked for."""
    book = load_workbook(BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # many programs write wrong ones, and cells would be missing
    return list(book.worksheets)


def _rows(sheet: Any, formulas: Any) -> Iterator[Sequence[str]]:
    """A formula that no program has calculated yet stands for its value."""
    both = zip(sheet.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=True)
    for values, sources in both:
        yield [
            _shown(source if value is None else value)
            for value, source in zip(values, sources, strict=True)
        ]


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)
