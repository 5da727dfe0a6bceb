"""Names of files that people send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.artifacts.readers.filenames import MAX_CHARS, clean_name, suffix_of


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("notes.pdf", "notes.pdf"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\me\My notes.txt", "My notes.txt"),
        ("folder/", "folder"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        (".env", "env"),
        ("a\0b\nc\td.txt", "ab c d.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("👨‍👩‍👧 ferie.png", "👨‍👩‍👧 ferie.png"),
        ("Gru\u0308ße.txt", "Grüße.txt"),
        ("half\ud83d.txt", "half.txt"),
        ("a" * 300 + ".docx", "a" * 115 + ".docx"),
    ],
)
def test_a_name_loses_what_could_mislead(sent: str, clean: str) -> None:
    assert clean_name(sent) == clean


@given(st.text())
def test_every_name_becomes_one_that_cannot_leave_its_folder(sent: str) -> None:
    name = clean_name(sent)

    assert 0 < len(name) <= MAX_CHARS
    assert not set(name) & set("/\\\0\n\r")
    assert not name.startswith(".")
    assert clean_name(name) == name


def test_a_suffix_is_short_and_in_small_letters() -> None:
    assert suffix_of("A.B.PDF") == ".pdf"
    assert suffix_of("Makefile") == ""
    assert suffix_of("what is this. really") == ""
