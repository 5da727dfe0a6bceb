"""
The fenced blocks of an answer (CommonMark 0.31, section 4.5).

Models break one rule of it: a Markdown file in a fence holds fences of its own with as many
backticks. A fence closes with a line without label, so inside a Markdown block a labelled fence
opens another one, and the next bare fence closes that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^( {0,12}|\t)(`{3,}|~{3,})[ \t]*([^\r\n]*?)[ \t]*\r?\n?$")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
HOLDS_FENCES = frozenset({"markdown", "md", "mdx"})


@dataclass(frozen=True, slots=True)
class Block:
    """
    One block: its label ("python"), what else stood on the line (`title="a.py"`), its text as it
    was written, and `before`: the prose since the block before it.
    """

    label: str
    info: str
    text: str
    before: str
    closed: bool = True

    @property
    def lines(self) -> int:
        """How many lines of it hold anything."""
        return sum(1 for line in self.text.splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class _Opening:
    indent: int
    mark: str
    label: str
    info: str


def blocks_in(answer: str) -> tuple[Block, ...]:
    """All outermost fenced blocks, in their order; one that is not closed goes to the end."""
    return tuple(_blocks(_LINE.findall(answer)))


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    at, prose = 0, 0
    while at < len(lines):
        opening = _opens(lines[at])
        if opening is None:
            at += 1
            continue
        end = _end(lines, at + 1, opening)
        inside = "".join(_outdented(line, opening.indent) for line in lines[at + 1 : end])
        before = "".join(lines[prose:at])
        yield Block(opening.label, opening.info, inside, before, closed=end < len(lines))
        at = prose = end + 1


def _opens(line: str) -> _Opening | None:
    found = _FENCE.match(line)
    if found is None:
        return None
    indent, mark, info = found.groups()
    if mark[0] == "`" and "`" in info:
        return None  # code in a line of prose
    first, _, rest = info.partition(" ")
    label, _, name = first.strip("{}.").partition(":")
    if "." in label:  # ```main.py
        label, name = "", label
    return _Opening(len(indent), mark, label.casefold(), f"{name} {rest}".strip(" }"))


def _closes(line: str, opening: _Opening) -> bool:
    found = _FENCE.match(line)
    return (
        found is not None
        and not found.group(3)
        and found.group(2)[0] == opening.mark[0]
        and len(found.group(2)) >= len(opening.mark)
    )


def _end(lines: Sequence[str], start: int, opening: _Opening) -> int:
    """The line that closes `opening`; the number of lines where none does."""
    inner: _Opening | None = None
    for at in range(start, len(lines)):
        line = lines[at]
        if inner is not None:
            if _closes(line, inner):
                inner = None
        elif _closes(line, opening):
            return at
        elif opening.label in HOLDS_FENCES:
            nested = _opens(line)
            if nested is not None and nested.label:
                inner = nested
    return len(lines) if inner is None else _first_close(lines, start, opening)


def _first_close(lines: Sequence[str], start: int, opening: _Opening) -> int:
    """As CommonMark has it: what looked like a nested fence was none."""
    closing = (at for at in range(start, len(lines)) if _closes(lines[at], opening))
    return next(closing, len(lines))


def _outdented(line: str, indent: int) -> str:
    spaces = len(line) - len(line.lstrip(" "))
    return line[min(spaces, indent) :]
