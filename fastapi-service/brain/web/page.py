"""A page of the web, as text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """`url` is where it was in the end; `title` may be ""; tables in `text` are Markdown."""

    url: str
    title: str
    text: str
    media_type: str
