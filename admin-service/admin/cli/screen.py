"""
How an ask looks on the terminal.

The answer goes to stdout, everything else to stderr. On a terminal the answer grows as it comes;
into a file or pipe it is written once and whole, because what is written there cannot be taken
back when a second attempt starts.
"""

from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.status import Status as Spinner

from admin.cli.words import footer, printable, printable_json
from shared.protocol import Done, End, Failed


class Screen(Protocol):
    """What happens to an ask, as somebody may want to see it."""

    def note(self, line: str) -> None:
        """Something worth a line of its own."""

    def stage(self, words: str) -> None:
        """Where the ask is now."""

    def thinking(self, text: str) -> None:
        """The next piece of the model's reasoning."""

    def answer(self, text: str) -> None:
        """The whole answer so far."""

    def start_over(self, attempt: int) -> None:
        """What was shown of the answer does not count."""

    def end(self, end: End) -> None:
        """The end frame."""


class PlainScreen:
    """For files and pipes: no control codes; with `as_json` the end frame is the output."""

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool = False) -> None:
        self._out = out
        self._err = err
        self._as_json = as_json
        self._stage = ""
        self._in_thought = False

    def note(self, line: str) -> None:
        self._end_thought()
        print(printable(line), file=self._err, flush=True)

    def stage(self, words: str) -> None:
        if words != self._stage:
            self._stage = words
            self.note(words)

    def thinking(self, text: str) -> None:
        self._in_thought = True
        print(printable(text), file=self._err, end="", flush=True)

    def answer(self, text: str) -> None:
        """Nothing: only the end frame's text is sure to stay."""

    def start_over(self, attempt: int) -> None:
        self.note(f"starting over, attempt {attempt}")

    def end(self, end: End) -> None:
        self._end_thought()
        if self._as_json:
            print(printable_json(end.model_dump_json()), file=self._out, flush=True)
            return
        match end:
            case Done():
                print(printable(end.text), file=self._out, flush=True)
                for line in footer(end):
                    self.note(line)
            case Failed():
                self.note(end.message)

    def _end_thought(self) -> None:
        if self._in_thought:
            self._in_thought = False
            print(file=self._err)


class LiveScreen:
    """For a person at a terminal: a line that tells the stage, then the answer as it grows."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._console = Console(file=err, highlight=False, soft_wrap=True)
        self._spinner: Spinner | None = None
        self._shown = ""
        self._mid_line = False
        self._in_thought = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def note(self, line: str) -> None:
        """What the answer goes on with afterwards begins on a line of its own."""
        self._clear()
        self._break()
        self._console.print(printable(line), style="dim", markup=False)

    def stage(self, words: str) -> None:
        if self._shown or self._in_thought:
            return  # the answer itself shows that it goes on
        if self._spinner is None:
            self._spinner = self._console.status("", spinner="dots")
            self._spinner.start()
        self._spinner.update(_escaped(words))

    def thinking(self, text: str) -> None:
        self._clear()
        self._in_thought = True
        self._console.print(printable(text), style="dim italic", markup=False, end="")

    def answer(self, text: str) -> None:
        clean = printable(text)
        if not clean.startswith(self._shown):
            if self._shown.startswith(clean):
                return  # told again from the start after a lost connection
            self._say_again("— the answer once more —")
        if self._in_thought:
            self._in_thought = False
            self._console.print("\n")
        self._clear()
        piece = clean[len(self._shown) :]
        self._out.write(piece)
        self._out.flush()
        self._shown = clean
        self._mid_line = not piece.endswith("\n") if piece else self._mid_line

    def start_over(self, attempt: int) -> None:
        if self._shown or self._in_thought:
            self._say_again(f"— what stands above does not count; attempt {attempt} —")

    def end(self, end: End) -> None:
        match end:
            case Done():
                self.answer(end.text)
                self._clear()
                self._break()
                for line in footer(end):
                    self._console.print(line, style="dim", markup=False)
            case Failed():
                self._clear()
                self._break()
                self._console.print(printable(end.message), style="red", markup=False)

    def _say_again(self, line: str) -> None:
        self._clear()
        self._break()
        self._shown = ""
        self._console.print(line, style="yellow", markup=False)

    def _break(self) -> None:
        """Go to the beginning of a line."""
        if self._mid_line:
            self._out.write("\n")
            self._out.flush()
        elif self._in_thought:
            self._console.print()
        self._mid_line = self._in_thought = False

    def _clear(self) -> None:
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None


def _escaped(words: str) -> str:
    return words.replace("[", r"\[") + " …"
