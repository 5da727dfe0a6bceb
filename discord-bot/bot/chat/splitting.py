"""
Where a long answer is cut into messages.

Pieces are cut greedily, so that what is shown stays as it is while the answer grows. A code block
that is cut is closed at the end of its piece and opened again, with its language, in the next.
"""

from dataclasses import dataclass

from bot.chat.fences import MAX_LANGUAGE, ZERO_WIDTH

DISCORD_LIMIT = 2000
"""
Code points of one message (Discord's documentation, Create Message; what a character is, its
developers say in discord/discord-api-docs#1315). A Python string has as many by `len`.
"""

TICKS = "```"
CLOSING = "\n```"


@dataclass(frozen=True, slots=True)
class Piece:
    """`body` is a part of the answer; what is around it only keeps a code block in one piece."""

    opening: str
    body: str
    closing: str

    @property
    def text(self) -> str:
        """What is sent; never blank, which Discord would refuse (code 50006)."""
        shown = self.opening + self.body + self.closing
        return shown if shown.strip() else ZERO_WIDTH


def split(text: str, limit: int) -> list[Piece]:
    """
    `text` as pieces of at most `limit` (≥ 100) characters; their bodies joined are `text`.

    Its fences are as `fences.as_discord_has_them` leaves them; then no piece has one without end.
    Cuts at the end of a line where there is one in the second half, else at a space, else anywhere.
    """
    pieces = []
    language: str | None = None
    while True:
        opening = "" if language is None else f"{TICKS}{language}\n"
        room = limit - len(opening)
        if len(text) <= room:  # asked first: what follows reads all of it
            closing = _closing(text, _after(text, language))
            if len(text) + len(closing) <= room:
                pieces.append(Piece(opening, text, closing))
                return pieces
        body = text[: _cut(text, room - len(CLOSING), language)]
        text = text[len(body) :]
        language = _after(body, language)
        pieces.append(Piece(opening, body, _closing(body, language)))


def _closing(body: str, language: str | None) -> str:
    if language is None:
        return ""
    return TICKS if body.endswith("\n") or not body else CLOSING


def _after(text: str, language: str | None) -> str | None:
    """
    The language of the code block that is open behind `text`; None: there is none.

    `text` begins in a block of `language`, and no cut goes through a fence's backticks. A language
    is short, so that every piece has room for some text; else there would be no end of pieces.
    """
    for line in text.split("\n"):
        _, ticks, behind = line.partition(TICKS)
        if ticks:
            language = behind[:MAX_LANGUAGE] if language is None else None
    return language


def _cut(text: str, room: int, language: str | None) -> int:
    """After which character (1 to `room`) a piece ends."""
    window = text[:room]
    outside = inside = at = 0
    for line in window.split("\n")[:-1]:
        before, language = language, _after(line, language)
        at += len(line) + 1
        if language is None:
            outside = at
        elif before is not None:  # not directly behind the line that opens a block
            inside = at
    for cut in (outside, inside):
        if cut > room // 2:
            return cut
    space = window.rfind(" ") + 1
    if space > room // 2:
        return space
    early = max(outside, inside)
    if window[:early].strip():
        return early
    return len(window.rstrip("`")) or room  # backticks at the end may be half of a fence
