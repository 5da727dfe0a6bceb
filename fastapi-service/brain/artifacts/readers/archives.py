"""Looks into ZIP archives (which office files are) without unpacking them."""

import zlib
from io import BytesIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile, ZipInfo

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]  # has no types
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]

from brain.artifacts.errors import FileTooLarge, FileUnreadable
from brain.artifacts.limits import MEGA, Limits, megabytes

MAX_RATIO = 200
"""How often smaller than its content an archive may be. Deflate can do 1,032 (zlib.net,
"zlib Technical Details"); only content that repeats itself all the time comes near."""
HARMLESS_BYTES = 25 * MEGA
"""Below this no ratio matters: small tables of equal rows have any."""
DAMAGED = "is damaged and cannot be opened. Please save or download it again and send that."


def names_in(filename: str, data: bytes, limits: Limits) -> list[str]:
    """
    The names of the members. Raises `FileTooLarge` for what would unpack to too much, and
    `FileUnreadable` where it is no archive. `zipfile` never unpacks more of a member than the size
    it is told here, so that a wrong size hides nothing.
    """
    try:
        with ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
    except (BadZipFile, ValueError, OSError, NotImplementedError) as wrong:
        raise FileUnreadable(filename, DAMAGED) from wrong
    _check_unpacked(filename, len(data), sum(member.file_size for member in members), limits)
    return [member.filename for member in members]


def check_xml(filename: str, data: bytes) -> None:
    """Raises `FileUnreadable` where a part declares a document type, which is how entity bombs
    begin and what ECMA-376 (part 2, 8.1.4) forbids."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.filename.lower().endswith((".xml", ".rels")):
                    _check_part(archive, member)
    except (BadZipFile, ParseError, DefusedXmlException, ValueError, OSError, zlib.error) as wrong:
        raise FileUnreadable(filename, DAMAGED) from wrong


def _check_part(archive: ZipFile, member: ZipInfo) -> None:
    """A document type stands before the first element, so only the beginning is parsed."""
    with archive.open(member) as part:
        next(iterparse(part, events=("start",), forbid_dtd=True), None)


def _check_unpacked(filename: str, packed: int, unpacked: int, limits: Limits) -> None:
    if unpacked > limits.max_unpacked_bytes:
        raise FileTooLarge(
            filename,
            f"unpacks to {megabytes(unpacked)}, and at most {megabytes(limits.max_unpacked_bytes)} "
            "can be read. Please send a part of it.",
        )
    if unpacked > HARMLESS_BYTES and unpacked > MAX_RATIO * packed:
        raise FileTooLarge(
            filename,
            f"unpacks to {unpacked // packed} times its size, and at most {MAX_RATIO} times can be "
            "read. Please send a part of it, or the text itself.",
        )
