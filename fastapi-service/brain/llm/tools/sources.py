"""
What an answer rests on, and what it may reach: numbered sources, and the addresses that are open.

Pure state of one answer. An address is open when the person wrote it, a search found it, or it
is one of the first that stand in a page that was read, and then only exactly as it stands there: a
model that was talked into carrying something off can say no more than which of those it opens.
"""

import re
from dataclasses import dataclass
from itertools import islice

import httpx

from brain.web.errors import Refused
from brain.web.guard import check_url

_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\^{}|]+", re.IGNORECASE)
_BEHIND = ".,;:!?…*_~]、。）】»”’"
"""Signs that end a sentence or a quotation more often than an address."""

MAX_LINKS = 100
"""Of one page or text. With many more, the choice of one could spell out words."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A page whose text the model was given, under this number."""

    number: int
    title: str
    url: str


class Sources:
    """Numbers are given once, from 1, in the order in which pages are first read."""

    def __init__(self) -> None:
        self._cited: dict[str, Cited] = {}
        self._open: set[str] = set()

    @property
    def cited(self) -> tuple[Cited, ...]:
        """All of them, by number."""
        return tuple(self._cited.values())

    def cite(self, url: str, title: str) -> int:
        """The number of the page at `url`, which the model is about to be given."""
        if url not in self._cited:
            self._cited[url] = Cited(len(self._cited) + 1, title or url, url)
        return self._cited[url].number

    def open(self, url: str) -> None:
        """Let `url` be read."""
        self._open.add(plain(url))

    def open_all_in(self, text: str) -> None:
        """Let the addresses that `addresses_in` finds in `text` be read."""
        for url in addresses_in(text):
            self.open(url)

    def is_open(self, url: str) -> bool:
        """Whether `url` may be read."""
        return plain(url) in self._open


def addresses_in(text: str) -> list[str]:
    """
    The first `MAX_LINKS` web addresses written out in `text`, without what ends the sentence around
    them.
    """
    first = islice(_ADDRESS.finditer(text), MAX_LINKS)
    return [_without_what_follows(match.group()) for match in first]


def _without_what_follows(url: str) -> str:
    """A closing bracket belongs to the address if it was opened there."""
    end, surplus = len(url), url.count(")") - url.count("(")
    while url[end - 1] in _BEHIND or (url[end - 1] == ")" and surplus > 0):
        surplus -= url[end - 1] == ")"
        end -= 1
    return url[:end]


def plain(url: str) -> str:
    """`url` as addresses are compared: its own spelling of the same address, without a fragment."""
    try:
        address = check_url(url.strip())
    except Refused:
        return url.strip()
    return str(httpx.URL(address).copy_with(fragment=None))
