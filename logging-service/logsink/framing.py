"""Bytes in, lines out; a line that never ends costs only itself."""

MAX_LINE_BYTES = 1_048_576
"""The longest record, without its line end. Those of our services have a few hundred bytes."""


class Lines:
    """
    The lines of one connection (newline-delimited JSON: one object, then LF; RFC 8259).

    Keeps at most `MAX_LINE_BYTES`; a longer line is dropped as it comes and counted in `too_long`.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self.too_long = 0
        self._limit = limit
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        lines = (self._rest + data).split(b"\n")
        if self._skipping and len(lines) > 1:
            self._skipping = False
            del lines[0]
        rest = lines.pop()
        if self._skipping:
            return []
        if len(data) + len(self._rest) > self._limit:
            lines = [line for line in lines if self._fits(line)]
            if not self._fits(rest):
                self._skipping, rest = True, b""
        self._rest = rest
        return lines

    def finish(self) -> list[bytes]:
        """What came after the last line end, when the connection has ended."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _fits(self, line: bytes) -> bool:
        if len(line) <= self._limit:
            return True
        self.too_long += 1
        return False
