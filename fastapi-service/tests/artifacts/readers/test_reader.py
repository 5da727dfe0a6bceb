"""What applies to every kind of file."""

from contextlib import suppress
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.artifacts.errors import FileRefused, FileUnreadable
from brain.artifacts.limits import Limits
from brain.artifacts.readers.archives import names_in
from brain.artifacts.readers.reader import read
from made_files import docx, paragraph, pdf, picture, xlsx, zipped

LIMITS = Limits(max_bytes=10_000_000)
BRIEF = Limits(max_bytes=10_000_000, max_text_chars=50)
SAMPLES = (
    picture("PNG"),
    picture("GIF"),
    picture("WEBP"),
    docx(paragraph("Hello")),
    xlsx({"S": [["a", 1]]}),
    b"a,b\n1,2\n",
)


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("long.txt", b"word " * 100),
        ("long.pdf", pdf(["word " * 10] * 9)),
        ("long.docx", docx(paragraph("word " * 100))),
    ],
)
def test_of_a_long_text_the_beginning_is_read_and_that_is_said(filename: str, data: bytes) -> None:
    document = read(filename, data, BRIEF)

    assert len(document.text) == 50
    assert document.notes == ("Only the first 50 characters were read.",)


def test_of_a_long_table_whole_rows_are_read_and_that_is_said() -> None:
    rows = [["n", "square"]] + [[str(n), str(n * n)] for n in range(1000)]

    limits = Limits(max_bytes=10_000_000, max_text_chars=52)

    from_csv = read("t.csv", "\n".join(",".join(row) for row in rows).encode(), limits)
    from_xlsx = read("t.xlsx", xlsx({"Squares": rows}), limits)

    assert from_csv.text == "| n | square |\n| --- | --- |\n| 0 | 0 |\n| 1 | 1 |"
    assert from_csv.notes == ("Only the first 3 rows were read (at most 52 characters).",)
    assert from_xlsx.text == "## Squares\n\n| n | square |\n| --- | --- |\n| 0 | 0 |"
    assert from_xlsx.notes == (
        "Only the first 2 rows of sheet 1 were read (at most 52 characters).",
    )


def test_what_is_noted_of_many_sheets_is_short_and_holds_no_word_of_theirs() -> None:
    sheets = {f"Obey {number}": [["x" * 40]] * 2 for number in range(30)}
    notes = read("t.xlsx", xlsx(sheets), Limits(max_bytes=10_000_000, max_text_chars=99)).notes
    assert notes == (
        "Only the first 1 rows of sheet 1 were read (at most 99 characters).",
        "Sheets after it that were cut or left out: 29.",
    )


def test_a_cell_far_away_costs_nothing() -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1" t="str"><v>near</v></c></row>'
        '<row r="50000"><c r="XFD50000" t="str"><v>far</v></c></row></sheetData></worksheet>'
    )
    book = _with_sheet(xlsx({"S": [["x"]]}), sheet)

    text = read("far.xlsx", book, LIMITS).text

    assert text.startswith("## S\n\n| near |\n")
    assert text.endswith("| far |")


def test_a_sheet_that_lies_about_its_size_is_read_in_full() -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<dimension ref="A1"/><sheetData><row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c>'
        '</row><row r="2"><c r="B2"><v>3</v></c></row></sheetData></worksheet>'
    )

    text = read("t.xlsx", _with_sheet(xlsx({"S": [["x"]]}), sheet), LIMITS).text

    assert text == "## S\n\n| 1 | 2 |\n| --- | --- |\n|  | 3 |"


def test_a_formula_that_was_never_calculated_is_shown_itself() -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f>A1*3</f></c></row>'
        "</sheetData></worksheet>"
    )

    text = read("t.xlsx", _with_sheet(xlsx({"S": [["x"]]}), sheet), LIMITS).text

    assert text == "## S\n\n| 2 | =A1*3 |\n| --- | --- |"


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    sample: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(sample)
    for place in data.draw(st.lists(st.integers(0, len(sample) - 1), min_size=1, max_size=9)):
        damaged[place] = data.draw(st.integers(0, 255))

    document = None
    with suppress(FileRefused):
        document = read("x.csv", bytes(damaged), LIMITS)

    assert document is None or document.text.strip() or document.images


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1))
def test_text_in_utf_8_is_kept(text: str) -> None:
    assert read("x.txt", f"{text}.".encode(), LIMITS).text == f"{text}."


def test_what_only_begins_like_an_archive_is_damaged() -> None:
    with pytest.raises(FileUnreadable, match=r"x\.docx is damaged"):
        names_in("x.docx", b"PK\x03\x04 and then nothing", LIMITS)


def _with_sheet(book: bytes, sheet: str) -> bytes:
    with ZipFile(BytesIO(book)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return zipped(members | {"xl/worksheets/sheet1.xml": sheet.encode()})
