"""Tables as Markdown."""

from collections.abc import Iterable, Sequence

from brain.artifacts.limits import Limits


class Table:
    """Markdown of rows, the first of which is the header, up to a number of characters."""

    def __init__(self, rows: Iterable[Sequence[str]], max_chars: int) -> None:
        """Rows without content are left out; `rows` is read no further than needed."""
        self.rows = 0
        """How many were taken, with the header."""
        self.is_cut = False
        """Whether there were more."""
        self._lines: list[str] = []
        self._write(rows, max_chars)

    @property
    def text(self) -> str:
        """Lines as GitHub's Markdown has them (github.github.com/gfm, section 4.10), no padding."""
        return "\n".join(self._lines)

    def _write(self, rows: Iterable[Sequence[str]], room: int) -> None:
        for row in rows:
            cells = [_cell(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if not cells:
                continue
            line = f"| {' | '.join(cells)} |"
            lines = [line] if self.rows else [line, "|" + " --- |" * len(cells)]
            room -= sum(len(line) + 1 for line in lines)
            if room < 0:
                self.is_cut = True
                return
            self._lines += lines
            self.rows += 1


def cut_note(table: Table, limits: Limits, where: str = "") -> str:
    """The sentence for a table that was cut; `where` is empty or " of sheet 2"."""
    return (
        f"Only the first {table.rows:,} rows{where} were read "
        f"(at most {limits.max_text_chars:,} characters)."
    )


def _cell(value: str) -> str:
    return " ".join(value.replace("|", "\\|").split())
