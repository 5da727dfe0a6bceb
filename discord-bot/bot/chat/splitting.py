"""
Where a long answer is cut into messages.

Pieces are cut greedily, so that what is shown stays as it is while the answer grows. A code block
that is cut is closed at the end of its piece and opened again, with its language, in the next.
"""

from dataclasses import dataclass

from bot.chat.fences import ZERO_WIDTH, Fence, after

DISCORD_LIMIT = 2000
"""
Code points of one message (Discord's documentation, Create Message; what a character is, its
developers say in discord/discord-api-docs#1315). A Python string has as many by `len`.
"""

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
    fence: Fence | None = None
    while True:
        opening = f"```{fence.language}\n" if fence else ""
        room = limit - len(opening)
        whole = _after(text, fence)
        if len(text) + len(_closing(text, whole)) <= room:
            pieces.append(Piece(opening, text, _closing(text, whole)))
            return pieces
        body = text[: _cut(text, room - len(CLOSING), fence)]
        text = text[len(body) :]
        fence = _after(body, fence, complete=not text or body.endswith("\n"))
        pieces.append(Piece(opening, body, _closing(body, fence)))


def _closing(body: str, fence: Fence | None) -> str:
    if fence is None:
        return ""
    return CLOSING.lstrip() if body.endswith("\n") or not body else CLOSING


def _after(text: str, fence: Fence | None, *, complete: bool = True) -> Fence | None:
    """
    The code block that is open behind `text`, which began inside `fence`.

    Without `complete` the last line goes on in the next piece: it cannot close a block.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines):
        fence = after(line, fence, whole=complete or number < len(lines) - 1)
    return fence


def _cut(text: str, room: int, fence: Fence | None) -> int:
    """After which character (1 to `room`) a piece ends."""
    window = text[:room]
    outside = inside = at = 0
    for line in window.split("\n")[:-1]:
        before = fence
        fence = after(line, fence)
        at += len(line) + 1
        if fence is None:
            outside = at
        elif before is not None:  # not directly behind the line that opens a block
            inside = at
    for cut in (outside, inside):
        if cut > room // 2:
            return cut
    space = window.rfind(" ") + 1
    if space > room // 2:
        return space
    cut = max(outside, inside) or len(window)
    if cut == len(window):
        without_ticks = len(window.rstrip("`"))
        return without_ticks if without_ticks > room // 2 else cut
    return cut
