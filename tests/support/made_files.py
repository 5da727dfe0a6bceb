"""Files of many kinds, made by code: what people send, and what people send to do harm."""

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook  # type: ignore[import-untyped]  # has no types
from PIL import Image

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/'
    '2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
WORD_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx(body: str, *, before: str = "", more: Mapping[str, bytes] | None = None) -> bytes:
    """A DOCX around the XML of its body; `before` comes before the first element."""
    document = (
        f'{before}<w:document xmlns:w="{WORD_NAMESPACE}"><w:body>{body}</w:body></w:document>'
    )
    parts = {"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELATIONS}
    return zipped({**parts, "word/document.xml": document, **(more or {})})


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of DOCX."""
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{look}<w:r><w:t>{text}</w:t></w:r></w:p>"


def word_table(rows: Sequence[Sequence[str]]) -> str:
    """A table of DOCX."""
    lines = (
        "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>"
        for row in rows
    )
    return f"<w:tbl>{''.join(lines)}</w:tbl>"


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An XLSX of named sheets."""
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def picture(
    form: str,
    size: tuple[int, int] = (40, 20),
    mode: str = "RGB",
    colour: object = "red",
    **how: object,
) -> bytes:
    """A picture of one colour; `how` goes to Pillow's `save`."""
    buffer = BytesIO()
    Image.new(mode, size, colour).save(buffer, form, **how)  # type: ignore[arg-type]  # any colour
    return buffer.getvalue()


def animation(form: str) -> bytes:
    """Red, then blue."""
    buffer = BytesIO()
    frames = [Image.new("RGB", (40, 20), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:], lossless=True)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels, with a little data that could be theirs."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", pixels)
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def scanned_pdf(*, pages: int = 1) -> bytes:
    """Pages that are pictures, as scanners make them."""
    buffer = BytesIO()
    sheets = [Image.new("L", (850, 1100), 200) for _ in range(pages)]
    sheets[0].save(buffer, "PDF", save_all=True, append_images=sheets[1:])
    return buffer.getvalue()


def pdf(texts: Sequence[str], *, size: tuple[int, int] = (595, 842)) -> bytes:
    """A PDF with a page for each text, its lines below each other; "" is an empty page."""
    return _pdf_of([_content(text) for text in texts], size)


def locked_pdf(text: str, *, user_password: bytes, owner_password: bytes = b"owner") -> bytes:
    """A PDF of one page, encrypted with RC4 of 40 bits (PDF 32000-1:2008, 7.6.3)."""
    identity = b"i" * 16
    owner = _rc4(hashlib.md5(_padded(owner_password)).digest()[:5], _padded(user_password))
    rights = struct.pack("<i", -44)
    key = hashlib.md5(_padded(user_password) + owner + rights + identity).digest()[:5]
    user = _rc4(key, _padded(b""))
    trailer = (
        b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O <%b> /U <%b> >> /ID [<%b> <%b>]"
        % (
            owner.hex().encode(),
            user.hex().encode(),
            identity.hex().encode(),
            identity.hex().encode(),
        )
    )
    return _pdf_of([_content(text)], (595, 842), key=key, trailer=trailer)


def pdf_bomb(unpacked_bytes: int) -> bytes:
    """A small PDF whose only page has so many bytes of drawing orders, all the same."""
    orders = b"BT /F1 12 Tf 72 760 Td " + b"(a) Tj " * (unpacked_bytes // 7) + b"ET"
    return _numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>",
            _stream(b"/Filter /FlateDecode", zlib.compress(orders)),
        ],
        b"",
    )


def filled_form(label: str, value: str) -> bytes:
    """A PDF with a text field that somebody has filled in."""
    content = _content(label)
    look = f"/Tx BMC q BT /F1 12 Tf 2 5 Td ({value}) Tj ET Q EMC".encode()
    fonts = b"<< /Font << /F1 3 0 R >> >>"
    return _numbered(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /DR %b >> >>" % fonts,
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
            b" /Annots [6 0 R] /Resources %b >>" % fonts,
            _stream(b"", content),
            b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (field) /V (%b) /F 4 /P 4 0 R"
            b" /Rect [120 750 300 770] /AP << /N 7 0 R >> >>" % value.encode(),
            _stream(b"/Subtype /Form /BBox [0 0 180 20] /Resources %b" % fonts, look),
        ],
        b"",
    )


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (entries, len(content), content)


def _content(text: str) -> bytes:
    lines = (
        line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        for line in text.split("\n")
    )
    shown = " ".join(f"({line}) Tj T*" for line in lines if line)
    return f"BT /F1 12 Tf 14 TL 72 760 Td {shown} ET".encode("cp1252") if shown else b""


def _pdf_of(
    contents: Sequence[bytes], size: tuple[int, int], *, key: bytes = b"", trailer: bytes = b""
) -> bytes:
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(contents)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for index, content in enumerate(contents):
        number = 5 + 2 * index
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (*size, number)
        )
        stream = _rc4(_object_key(key, number), content) if key else content
        objects.append(_stream(b"", stream))
    return _numbered(objects, trailer)


def _numbered(objects: Sequence[bytes], trailer: bytes) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R %b >>\n" % (len(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _object_key(key: bytes, number: int) -> bytes:
    return hashlib.md5(key + struct.pack("<I", number)[:3] + b"\0\0").digest()[:10]


def _padded(password: bytes) -> bytes:
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    return (password + padding)[:32]


def _rc4(key: bytes, content: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in content:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)
