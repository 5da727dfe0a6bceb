"""Markdown tables, which Discord does not know, as aligned blocks or as lists."""

import re
import unicodedata
from itertools import zip_longest

MAX_WIDTH = 72
"""Columns that fit into a message on a usual screen without wrapping; wider ones become a list."""

RULE = "─"
SEPARATOR = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
"""Of a line without spaces around it. Every space can be taken in one way only: a model may write
twenty thousand of them, and two ways for each stop the bot for seconds."""

FENCE = re.compile(r"[ \t]*```")
CELL_END = re.compile(r"(?<!\\)\|")
CODE = re.compile(r"`[^`]*`")
EMPHASIS = re.compile(r"\*\*|__|(?<!\\)`")
Row = list[str]


def tables_as_blocks(text: str) -> str:
    """`text` with every table outside of code blocks aligned; everything else is untouched."""
    if "|" not in text:
        return text
    lines = text.split("\n")
    shown: list[str] = []
    at = 0
    in_block = False
    while at < len(lines):
        in_block ^= FENCE.match(lines[at]) is not None
        rows = [] if in_block else _table_at(lines, at)
        if rows:
            shown += _block(rows, _cells(lines[at + 1]))
            at += len(rows) + 1
        else:
            shown.append(lines[at])
            at += 1
    return "\n".join(shown)


def _table_at(lines: list[str], at: int) -> list[Row]:
    """The rows of the table that begins at line `at`, header first; none without a table."""
    if "|" not in lines[at] or at + 1 >= len(lines):
        return []
    if "|" not in lines[at + 1] or not SEPARATOR.fullmatch(lines[at + 1].strip()):
        return []
    rows = [_cells(lines[at])]
    for line in lines[at + 2 :]:
        if "|" not in line:
            break
        rows.append(_cells(line, columns=len(rows[0])))
    return rows


def _cells(line: str, *, columns: int = 0) -> Row:
    """A bar in code ends a cell, as on GitHub, unless there are too many `columns` that way."""
    line = line.strip().removeprefix("|")
    cells = _split(line)
    if columns and len(cells) > columns:
        careful = _split(CODE.sub(lambda code: code[0].replace("|", "\\|"), line))
        return careful if len(careful) == columns else cells
    return cells


def _split(line: str) -> Row:
    cells = [cell.strip().replace("\\|", "|") for cell in CELL_END.split(line)]
    if cells and not cells[-1] and line.endswith("|"):
        cells.pop()
    return cells


def _block(rows: list[Row], separator: Row) -> list[str]:
    """`separator` says which columns stand right or in the middle, as in GitHub's Markdown."""
    plain = [[EMPHASIS.sub("", cell) for cell in row] for row in rows]
    columns = list(zip_longest(*plain, fillvalue=""))
    widths = [max(map(width, column)) for column in columns]
    if sum(widths) + 2 * (len(widths) - 1) > MAX_WIDTH:
        return _list(rows)
    sides = [*separator, *[""] * len(widths)]
    header, *body = [
        "  ".join(map(_padded, row, widths, sides)).rstrip() for row in zip(*columns, strict=True)
    ]
    rule = "  ".join(RULE * room for room in widths)
    return ["```", header, rule, *body, "```"]


def _list(rows: list[Row]) -> list[str]:
    header, *body = rows
    return [
        "- "
        + " · ".join(
            f"**{name}** {cell}" if name else cell
            for name, cell in zip_longest(header, row, fillvalue="")
            if cell
        )
        for row in body
    ] or ["- " + " · ".join(header)]


def width(text: str) -> int:
    """Columns in a monospaced font: wide characters take two, combining ones none (UAX #11)."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def _padded(cell: str, room: int, side: str) -> str:
    free = room - width(cell)
    before = 0
    if side.endswith(":"):
        before = free // 2 if side.startswith(":") else free
    return " " * before + cell + " " * (free - before)
