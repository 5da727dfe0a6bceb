"""DOCX as Markdown: headings, lists, tables, links and emphasis."""

from collections.abc import Iterable, Mapping
from io import BytesIO

import mammoth  # type: ignore[import-untyped]  # has no types
from markdownify import ATX, markdownify

from brain.artifacts.limits import Limits
from brain.artifacts.readers.archives import check_xml
from brain.artifacts.readers.document import Document

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def read_word(filename: str, data: bytes, limits: Limits) -> Document:
    """The text of the body with notes and comments; pictures in it are counted, not read."""
    check_xml(filename, data)
    pictures = 0

    def skip(picture: object) -> Iterable[Mapping[str, str]]:
        nonlocal pictures
        pictures += 1
        return []

    html = mammoth.convert_to_html(BytesIO(data), convert_image=skip).value
    text = markdownify(
        html,
        heading_style=ATX,
        bullets="-",
        table_infer_header=True,
        escape_asterisks=False,  # a model reads snake_case and 2 * 3 as they are
        escape_underscores=False,
    ).strip()
    notes = (f"Its pictures ({pictures}) were not read; send them by themselves.",)
    return Document(
        filename=filename,
        media_type=MEDIA_TYPE,
        kind="document",
        text=text,
        notes=notes if pictures else (),
    )
