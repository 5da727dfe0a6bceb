"""What a reader makes of a file."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "code", "table", "image", "pdf", "document"]
LONGEST_SIDE = 1568
"""Pixels. Vision models scale larger pictures down themselves; 1568 is the largest that common ones
look at in full (Anthropic's vision guide; Qwen2.5-VL and Gemma 3 use less)."""


@dataclass(frozen=True, slots=True)
class Image:
    """A JPEG or PNG for a vision model: upright, opaque, no metadata, at most `LONGEST_SIDE`."""

    media_type: str
    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """
    One file as models can take it.

    filename    without folders, control and direction characters
    media_type  of the content, whatever the name says
    text        lines end with \\n; tables are Markdown; pages begin with a line "[Page 3]"
    images      the picture itself, or the pages of a PDF that hold no text
    notes       sentences about what was left out or is odd, for the person and the model
    language    Pygments' name of a source file's language, to label a fence; else ""
    """

    filename: str
    media_type: str
    kind: Kind
    text: str = ""
    images: tuple[Image, ...] = ()
    notes: tuple[str, ...] = ()
    language: str = ""
