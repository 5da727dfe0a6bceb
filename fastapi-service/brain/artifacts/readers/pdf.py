"""PDF: the text of its pages, and pictures of the pages that hold none (scanned ones)."""

from collections.abc import Iterator
from contextlib import closing

import pypdfium2  # type: ignore[import-untyped]  # has no types
from pypdfium2.raw import (  # type: ignore[import-untyped]
    FPDF_ERR_PASSWORD,
    FPDF_PAGEOBJ_IMAGE,
    FPDF_PAGEOBJ_PATH,
)

from brain.artifacts.errors import FileUnreadable
from brain.artifacts.limits import Limits
from brain.artifacts.readers.archives import DAMAGED
from brain.artifacts.readers.detection import LOCKED
from brain.artifacts.readers.document import LONGEST_SIDE, Document, Image
from brain.artifacts.readers.pictures import fit

FEW_LETTERS = 20
"""A page with fewer and a picture on it counts as scanned: stamps and page numbers are text."""
MAX_DEPTH = 3
"""How deep drawings within drawings are searched for a picture."""
BROKEN_WORD = "\x02"
"""What PDFium has for a hyphen at the end of a line, and the end of that line."""


def read_pdf(filename: str, data: bytes, limits: Limits) -> Document:
    """Text with a line `[Page n]` before each page that has some, and pictures of the others."""
    try:
        with pypdfium2.PdfDocument(data) as pdf:
            pdf.init_forms()
            return _read(filename, pdf, limits)
    except pypdfium2.PdfiumError as wrong:
        why = LOCKED if wrong.err_code == FPDF_ERR_PASSWORD else DAMAGED
        raise FileUnreadable(filename, why) from wrong


def _read(filename: str, pdf: pypdfium2.PdfDocument, limits: Limits) -> Document:
    texts: list[str] = []
    images: list[Image] = []
    unseen = 0
    for number, page in enumerate(_pages(pdf, min(len(pdf), limits.max_pages)), 1):
        text = _text(page)
        if text:
            texts.append(f"[Page {number}]\n{text}")
        if _letters(text) < FEW_LETTERS and _is_drawn_on(page):
            if len(images) < limits.max_images:
                images.append(_picture(page))
            else:
                unseen += 1
        if sum(map(len, texts)) > limits.max_text_chars:
            break
    return Document(
        filename=filename,
        media_type="application/pdf",
        kind="pdf",
        text="\n\n".join(texts),
        images=tuple(images),
        notes=tuple(_notes(len(pdf), len(images), unseen, limits)),
    )


def _pages(pdf: pypdfium2.PdfDocument, count: int) -> Iterator[pypdfium2.PdfPage]:
    """
    With what was filled into forms drawn on them, so that it is text. Each is closed before the
    next: a page holds its decoded pictures.
    """
    for index in range(count):
        if pdf.formenv:
            with closing(pdf[index]) as form:
                form.flatten()
        with closing(pdf[index]) as page:
            yield page


def _text(page: pypdfium2.PdfPage) -> str:
    with closing(page.get_textpage()) as words:
        text: str = words.get_text_bounded()
    return text.replace(BROKEN_WORD, "").replace("\r\n", "\n").strip()


def _letters(text: str) -> int:
    return sum(mark.isalnum() for mark in text)


def _is_drawn_on(page: pypdfium2.PdfPage) -> bool:
    kinds = [FPDF_PAGEOBJ_IMAGE, FPDF_PAGEOBJ_PATH]
    return any(True for _ in page.get_objects(filter=kinds, max_depth=MAX_DEPTH))


def _picture(page: pypdfium2.PdfPage) -> Image:
    scale = LONGEST_SIDE / max(page.get_size())
    with closing(page.render(scale=scale)) as bitmap:
        return fit(bitmap.to_pil(), lossless=False)


def _notes(pages: int, seen: int, unseen: int, limits: Limits) -> Iterator[str]:
    if pages > limits.max_pages:
        yield f"Only the first {limits.max_pages} of {pages} pages were read."
    if seen:
        yield f"Pages without text, read as pictures: {seen}."
    if unseen:
        yield f"Pages without text, left out: {unseen} (at most {limits.max_images} are looked at)."
