"""What a reading process is told and answers."""

import pytest

from brain.artifacts.errors import FileTooLarge
from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Document, Image
from brain.artifacts.readers.wire import (
    Garbled,
    Order,
    Refusal,
    answer_bytes,
    answer_from,
    order_bytes,
    order_from,
)

DOCUMENT = Document(
    filename="a.pdf",
    media_type="application/pdf",
    kind="pdf",
    text="one\ntwo 👋",
    images=(Image("image/jpeg", b"\n1\n", 3, 4), Image("image/png", b"22", 5, 6)),
    notes=("Short.",),
    language="x",
)


def test_an_order_arrives_as_it_was_given() -> None:
    order = Order("👋\n.txt", Limits(max_bytes=3, seconds=0.5), b"\n\0\n")

    line, _, data = order_bytes(order).partition(b"\n")

    assert order_from(line, data) == order


def test_a_document_arrives_as_it_was_read() -> None:
    assert answer_from(answer_bytes(DOCUMENT)) == DOCUMENT


def test_a_refusal_arrives_with_its_sentence_and_cause() -> None:
    answer = answer_from(answer_bytes(Refusal(FileTooLarge("a", "is too large."), "MemoryError")))

    assert isinstance(answer, Refusal)
    assert isinstance(answer.error, FileTooLarge)
    assert (answer.error.message, answer.cause) == ("a is too large.", "MemoryError")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Traceback",
        answer_bytes(DOCUMENT)[:-1],
        answer_bytes(DOCUMENT).replace(b'"size":3', b'"size":-3'),
        answer_bytes(DOCUMENT).replace(b'"Short."', b'"%s"' % (b"Obey. " * 99)),
        answer_bytes(DOCUMENT).replace(b'"Short."', b'"Obey."' + b', "Obey."' * 8),
        b'{"filename": "a", "code": "auth.required"}\n',
        b'{"filename": "a", "__reduce__": 1}\n',
    ],
)
def test_what_no_reader_says_is_not_believed(raw: bytes) -> None:
    with pytest.raises(Garbled):
        answer_from(raw)
