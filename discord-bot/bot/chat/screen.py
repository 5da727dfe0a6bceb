"""What one question looks like right now: frames in, messages out. Pure."""

from dataclasses import dataclass

from bot import texts
from bot.chat.fences import as_discord_has_them
from bot.chat.splitting import DISCORD_LIMIT, split
from bot.chat.tables import tables_as_blocks
from shared.protocol import Delta, Done, Failed, Queued, SavedFile, Status, Thinking, ToClient

MAX_MESSAGES = 6
"""An answer of more messages ends in a file."""

MAX_SOURCES = 5


@dataclass(slots=True)
class Screen:
    """The state of one answer; `limit` is the longest message."""

    limit: int
    status: str = texts.ASKED
    text: str = ""
    paused: bool = False
    """Whether something else is done between two pieces, which the status line names."""

    in_maintenance: bool = False
    """Whether this was asked during maintenance; said until the answer begins."""

    attempt: int = 0
    end: Done | Failed | None = None
    files_lost: str | None = None
    """Why the files are not attached."""

    plain: bool = False
    """Whether the end is shown with as little as possible, because all of it cannot be."""

    cut_at: int | None = None
    """No more messages than these can stand where the answer is, and nothing else can be sent."""

    closing_words: str | None = None
    """What is said instead of the end's own words."""

    def take(self, frame: ToClient) -> None:
        """Follow one frame; what comes after the end changes nothing."""
        if self.end is not None:
            return
        match frame:
            case Queued():
                self.status = texts.of_queued(frame)
                self.in_maintenance = frame.maintenance
            case Status():
                self._start_over_if_new(frame.attempt)
                self.status = texts.of_status(frame)
                self.paused = frame.stage != "generating"
            case Thinking():
                self._start_over_if_new(frame.attempt)
                self.status = f"⏳ {texts.STAGES['thinking']}"
                self.paused = True
            case Delta():
                self._start_over_if_new(frame.attempt)
                self.text += frame.text
                self.paused = False
            case Done():
                self.text = frame.text
                self.end = frame
            case Failed():
                self.end = frame
            case _:
                pass

    def _start_over_if_new(self, attempt: int) -> None:
        if attempt > self.attempt:
            self.attempt = attempt
            self.text = ""

    @property
    def files(self) -> list[SavedFile]:
        """The files that came out of the answer; known at its end."""
        has_room = self.cut_at is None and not self.plain
        return self.end.artifacts if isinstance(self.end, Done) and has_room else []

    @property
    def whole_answer_as_file(self) -> bool:
        """Whether the answer is too long for messages alone."""
        if self.plain:
            return len(self.text) > self.limit
        too_long = self.end is not None and len(self._pieces()) > MAX_MESSAGES
        return too_long and self.cut_at is None

    def messages(self) -> list[str]:
        """The messages, in order; each at most 2000 characters, never blank."""
        if self.end is not None and self.plain:
            words = texts.NOT_SHOWN if isinstance(self.end, Done) else texts.of_failed(self.end)
            return _with_lines([self.text[: self.limit]] if self.text.strip() else [], [words])
        if self.end is not None and self.cut_at is not None:
            return _with_lines(self._bodies(), [texts.CUT])
        match self.end:
            case None:
                if not self.text.strip():
                    return [self._status_lines()]
                line = [f"-# {self.status}"] if self.paused else []
                return _with_lines(self._bodies(), line)
            case Failed():
                words = self.closing_words or texts.of_failed(self.end)
                bodies = self._bodies() if self.text.strip() else []
                return _with_lines(bodies, [words])
            case Done():
                lines = [texts.WHOLE_ANSWER] if self.whole_answer_as_file else []
                lines = [self.files_lost] if self.files_lost else lines
                lines += map(texts.of_source, self.end.sources[:MAX_SOURCES])
                lines.append(texts.footer(self.end))
                bodies = self._bodies() if self.text.strip() else [texts.NO_WORDS]
                return _with_lines(bodies, [one for one in lines if one])

    def _status_lines(self) -> str:
        if not self.in_maintenance or "maintenance" in self.status:
            return self.status
        return f"{self.status}\n{texts.IN_MAINTENANCE}"

    @property
    def _markdown(self) -> str:
        return tables_as_blocks(as_discord_has_them(self.text))

    def _bodies(self) -> list[str]:
        return self._pieces()[: MAX_MESSAGES if self.cut_at is None else self.cut_at]

    def _pieces(self) -> list[str]:
        return [piece.text for piece in split(self._markdown, self.limit)]


def _with_lines(bodies: list[str], lines: list[str]) -> list[str]:
    """`lines` below the last message, as far as they fit; the last line is worth most."""
    if not bodies:
        return ["\n".join(lines)[:DISCORD_LIMIT]]
    *before, last = bodies
    room = DISCORD_LIMIT - len(last) - 1
    while len(lines) > 1 and len("\n".join(lines)) > room:
        lines = lines[1:]
    small = "\n".join(lines)
    if len(small) > room:
        small = f"{small[: room - 1]}…" if room > 20 else ""
    return [*before, f"{last}\n{small}" if small else last]
