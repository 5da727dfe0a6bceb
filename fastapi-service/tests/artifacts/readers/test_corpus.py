"""What people send: for each file the text, or the sentence, that they get."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from io import BytesIO

import PIL.Image
import pytest

from brain.artifacts.errors import FileRefused
from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Document, Kind
from brain.artifacts.readers.reader import read
from made_files import (
    BILLION_LAUGHS,
    animation,
    docx,
    filled_form,
    locked_pdf,
    paragraph,
    pdf,
    picture,
    png_header,
    scanned_pdf,
    word_table,
    xlsx,
    zipped,
)

LIMITS = Limits(max_bytes=10_000_000)
MARKDOWN_TABLE = "| Item | Price |\n| --- | --- |\n| Tea | 3 |"


@dataclass(frozen=True)
class Read:
    """A file that is read, and what must come out; `images` are sizes."""

    filename: str
    make: Callable[[], bytes]
    kind: Kind
    text: str = ""
    media_type: str = ""
    language: str = ""
    images: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A file that is not, and what the person is told."""

    filename: str
    make: Callable[[], bytes]
    code: str
    sentence: str


READ = (
    Read("photo.png", lambda: picture("PNG"), "image", media_type="image/png", images=((40, 20),)),
    Read(
        "photo.jpg", lambda: picture("JPEG"), "image", media_type="image/jpeg", images=((40, 20),)
    ),
    Read("p.webp", lambda: picture("WEBP"), "image", media_type="image/webp", images=((40, 20),)),
    Read("p.gif", lambda: picture("GIF"), "image", media_type="image/gif", images=((40, 20),)),
    Read(
        "dance.gif",
        lambda: animation("GIF"),
        "image",
        images=((40, 20),),
        notes=("Only the first picture of this animation was read.",),
    ),
    Read("wide.png", lambda: picture("PNG", (3136, 100)), "image", images=((1568, 50),)),
    Read("grey16.png", lambda: picture("PNG", mode="I;16"), "image", images=((40, 20),)),
    Read("palette.png", lambda: picture("PNG", mode="P"), "image", images=((40, 20),)),
    Read(
        "print.jpg",
        lambda: picture("JPEG", mode="CMYK", colour=(0, 0, 0, 0)),
        "image",
        images=((40, 20),),
    ),
    Read(
        "really a picture.pdf",
        lambda: picture("PNG"),
        "image",
        media_type="image/png",
        images=((40, 20),),
        notes=("It was read as image/png; its name says otherwise.",),
    ),
    Read(
        "really a document.png",
        lambda: pdf(["A letter to the landlord"]),
        "pdf",
        "[Page 1]\nA letter to the landlord",
        notes=("It was read as application/pdf; its name says otherwise.",),
    ),
    Read(
        "letter",
        lambda: pdf(["A letter to the landlord"]),
        "pdf",
        "[Page 1]\nA letter to the landlord",
    ),
    Read(
        "two.pdf",
        lambda: pdf(["Grüße (from) the first page", "", "and the third"]),
        "pdf",
        "[Page 1]\nGrüße (from) the first page\n\n[Page 3]\nand the third",
    ),
    Read(
        "hyphen.pdf",
        lambda: pdf(["an exam-\nple of words"]),
        "pdf",
        "[Page 1]\nan example of words",
    ),
    Read(
        "scan.pdf",
        lambda: scanned_pdf(pages=2),
        "pdf",
        images=((1212, 1568), (1212, 1568)),
        notes=("Pages without text, read as pictures: 2.",),
    ),
    Read(
        "long scan.pdf",
        lambda: scanned_pdf(pages=22),
        "pdf",
        images=((1212, 1568),) * 20,
        notes=(
            "Pages without text, read as pictures: 20.",
            "Pages without text, left out: 2 (at most 20 are looked at).",
        ),
    ),
    Read(
        "book.pdf",
        lambda: pdf([f"Leaf {number} of it" for number in range(1, 301)]),
        "pdf",
        "\n\n".join(f"[Page {number}]\nLeaf {number} of it" for number in range(1, 201)),
        notes=("Only the first 200 of 300 pages were read.",),
    ),
    Read(
        "may not be printed.pdf",
        lambda: locked_pdf("Everybody may read this", user_password=b""),
        "pdf",
        "[Page 1]\nEverybody may read this",
    ),
    Read("form.pdf", lambda: filled_form("Name:", "Ada"), "pdf", "[Page 1]\nName:\nAda"),
    Read("hi.txt", lambda: b"Hello\nthere", "text", "Hello\nthere", "text/plain"),
    Read("notes.md", lambda: b"# One\n\n* two", "text", "# One\n\n* two", "text/markdown"),
    Read("no suffix", lambda: b"Hello", "text", "Hello", "text/plain"),
    Read("app.py", lambda: b"print(1)\n", "code", "print(1)\n", "text/x-python", "python"),
    Read("APP.JS", lambda: b"let a = 1;", "code", "let a = 1;", language="javascript"),
    Read("A.java", lambda: b"class A {}", "code", "class A {}", language="java"),
    Read("a.cpp", lambda: b"int main() {}", "code", "int main() {}", language="cpp"),
    Read("q.sql", lambda: b"select 1;", "code", "select 1;", language="sql"),
    Read("Dockerfile", lambda: b"FROM scratch", "code", "FROM scratch", language="docker"),
    Read("d.json", lambda: b'{"a": 1}', "code", '{"a": 1}', "application/json", "json"),
    Read("p.html", lambda: b"<p>Hi</p>", "code", "<p>Hi</p>", "text/html", "html"),
    Read("windows.txt", lambda: b"one\r\ntwo\r\n", "text", "one\ntwo\n"),
    Read("old mac.txt", lambda: b"one\rtwo", "text", "one\ntwo"),
    Read("mark.txt", lambda: "Grüße".encode("utf-8-sig"), "text", "Grüße"),
    Read("utf16.txt", lambda: "Grüße 👋".encode("utf-16"), "text", "Grüße 👋"),
    Read("utf32.txt", lambda: "Grüße 👋".encode("utf-32"), "text", "Grüße 👋"),
    Read("bare16.txt", lambda: "Hello there".encode("utf-16-be"), "text", "Hello there"),
    Read(
        "alt.txt",
        lambda: "Schöne Grüße aus Köln".encode("latin-1"),
        "text",
        "Schöne Grüße aus Köln",
    ),
    Read(
        "fr.txt",
        lambda: "Café crème, déjà vu; 20 €".encode("cp1252"),
        "text",
        "Café crème, déjà vu; 20 €",
    ),
    Read("pl.txt", lambda: "Zażółć gęślą jaźń".encode("cp1250"), "text", "Zażółć gęślą jaźń"),
    Read("ru.txt", lambda: "Привет, как дела?".encode("cp1251"), "text", "Привет, как дела?"),
    Read(
        "ja.txt",
        lambda: "こんにちは世界。これはテストです。".encode("shift_jis"),
        "text",
        "こんにちは世界。これはテストです。",
    ),
    Read("pretty.log", lambda: b"\x1b[31mred\x1b[0m", "text", "\x1b[31mred\x1b[0m"),
    Read("t.csv", lambda: b"Item,Price\nTea,3\n", "table", MARKDOWN_TABLE, "text/csv"),
    Read("de.csv", lambda: b"Item;Price\r\nTea;3\r\n", "table", MARKDOWN_TABLE),
    Read("t.tsv", lambda: b"Item\tPrice\nTea\t3\n", "table", MARKDOWN_TABLE),
    Read(
        "quoted.csv",
        lambda: b'Item,Says\n"Tea, green","a|b\nand more"\n',
        "table",
        "| Item | Says |\n| --- | --- |\n| Tea, green | a\\|b and more |",
    ),
    Read(
        "book.xlsx",
        lambda: xlsx(
            {
                "Prices": [
                    ["Item", "Price", "Since"],
                    ["Tea", 3.0, date(2026, 1, 2)],
                    [],
                    ["Milk", 1.25],
                ],
                "Nothing": [],
                "More": [["yes", True]],
            }
        ),
        "table",
        "## Prices\n\n| Item | Price | Since |\n| --- | --- | --- |\n| Tea | 3 | 2026-01-02 |\n"
        "| Milk | 1.25 |\n\n## More\n\n| yes | True |\n| --- | --- |",
    ),
    Read(
        "table.csv",
        lambda: xlsx({"S": [["a", "b"]]}),
        "table",
        "## S\n\n| a | b |\n| --- | --- |",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    Read(
        "report.docx",
        lambda: docx(
            paragraph("Report", "Heading1")
            + paragraph("snake_case &amp; 2 * 3")
            + word_table([["Item", "Price"], ["Tea", "3"]])
        ),
        "document",
        f"# Report\n\nsnake_case & 2 * 3\n\n{MARKDOWN_TABLE}",
    ),
    Read("👨‍👩‍👧 holiday.txt", lambda: b"sun", "text", "sun"),
)

REFUSED = (
    Refused("empty.pdf", lambda: b"", "file.unreadable", "empty.pdf is empty."),
    Refused("blank.txt", lambda: b" \n\n", "file.unreadable", "holds nothing that can be read"),
    Refused("blank.pdf", lambda: pdf([""]), "file.unreadable", "holds nothing that can be read"),
    Refused("blank.xlsx", lambda: xlsx({"S": []}), "file.unreadable", "holds nothing"),
    Refused("blank.docx", lambda: docx(paragraph("")), "file.unreadable", "holds nothing"),
    Refused("big.txt", lambda: b"a" * 10_500_001, "file.too_large",
            "big.txt is too large: 10.5 MB, and at most 10 MB can be read."),
    Refused("locked.pdf", lambda: locked_pdf("x", user_password=b"secret"), "file.unreadable",
            "locked.pdf is protected by a password."),
    Refused("locked.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
            + "EncryptedPackage".encode("utf-16-le"), "file.unreadable", "protected by a password"),
    Refused("old.doc", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
            "file.unsupported", "old.doc is an Office file of before 2007"),
    Refused("half.pdf", lambda: pdf(["Hello"])[:40], "file.unreadable", "half.pdf is damaged"),
    Refused("half.png", lambda: picture("PNG")[:50], "file.unreadable", "half.png is damaged"),
    Refused("half.jpg", lambda: picture("JPEG", (500, 500))[:700], "file.unreadable", "is damaged"),
    Refused("half.docx", lambda: docx(paragraph("Hello"))[:300], "file.unreadable", "is damaged"),
    Refused("no.xlsx", lambda: zipped({"[Content_Types].xml": "<a/>", "xl/workbook.xml": "<a/>"}),
            "file.unreadable", "no.xlsx is damaged"),
    Refused("huge.png", lambda: png_header(50_000, 50_000), "file.too_large",
            "huge.png has 50,000 × 50,000 pixels, and at most 50 million can be read."),
    Refused("bomb.zip", lambda: zipped({"b.zip": zipped({"a": bytes(20_000_000)})}),
            "file.unsupported", "bomb.zip is a ZIP archive"),
    Refused("bomb.docx", lambda: docx(paragraph("x"), more={"word/big.xml": bytes(30_000_000)}),
            "file.too_large", "times its size, and at most 200 times"),
    Refused("large.xlsx", lambda: zipped({"[Content_Types].xml": "<a/>",
            "xl/s.xml": bytes(101_000_000)}), "file.too_large",
            "unpacks to 101 MB, and at most 100 MB can be read."),
    Refused("laughs.docx", lambda: docx(paragraph("&amp;i;"), before=BILLION_LAUGHS),
            "file.unreadable", "laughs.docx is damaged"),
    Refused("outside.docx", lambda: docx(paragraph("&x;"),
            before='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
            "file.unreadable", "outside.docx is damaged"),
    Refused("slides.pptx", lambda: zipped({"[Content_Types].xml": "<a/>", "ppt/p.xml": "<a/>"}),
            "file.unsupported", "slides.pptx is a presentation"),
    Refused("letter.rtf", lambda: rb"{\rtf1 Hello}", "file.unsupported", "is a rich text file"),
    Refused("phone.heic", lambda: b"\0\0\0\x18ftypheic" + bytes(100), "file.unsupported", "HEIC"),
    Refused("tool", lambda: b"\x7fELF" + bytes(100), "file.unsupported", "tool is a program"),
    Refused("noise.txt", lambda: b"some\0binary\xff\xfe\x01" * 9, "file.unsupported",
            "noise.txt is a binary file of a kind I do not know. I can read PNG,"),
    Refused("texts.tar", lambda: b"a.txt\0" + b"Hello " * 500, "file.unsupported", "binary file"),
    Refused("open quote.csv", lambda: b'a,b\n"c' + b"x" * 140_000, "file.unreadable",
            "open quote.csv is no proper table"),
    Refused("../../secret/\u202egpj.exe", lambda: b"\0\1\2\3" * 9, "file.unsupported",
            "gpj.exe is a binary file"),
)  # fmt: skip


def named(case: Read | Refused) -> str:
    return case.filename.encode("ascii", "replace").decode()


@pytest.mark.parametrize("case", READ, ids=named)
def test_what_can_be_read_is_read(case: Read) -> None:
    document = read(case.filename, case.make(), LIMITS)

    assert document.text == case.text
    assert (document.kind, document.filename) == (case.kind, case.filename)
    assert [(image.width, image.height) for image in document.images] == list(case.images)
    assert document.notes == case.notes
    assert document.language == case.language
    if case.media_type:
        assert document.media_type == case.media_type
    assert all(_is_decodable(document, number) for number in range(len(document.images)))


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_what_cannot_be_read_is_named_with_the_reason(case: Refused) -> None:
    with pytest.raises(FileRefused) as refused:
        read(case.filename, case.make(), LIMITS)

    assert refused.value.code == case.code
    assert case.sentence in refused.value.message
    assert refused.value.message.startswith(case.filename.rsplit("/", 1)[-1].lstrip("\u202e"))


def _is_decodable(document: Document, number: int) -> bool:
    image = document.images[number]
    with PIL.Image.open(BytesIO(image.data)) as picture:
        picture.load()
        return picture.size == (image.width, image.height) and picture.mode == "RGB"
