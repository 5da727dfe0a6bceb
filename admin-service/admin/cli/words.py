"""What the terminal says about an ask, from the frames alone."""

import re

from shared.protocol import Budget, Done, SavedFile, Stage, Status

STAGES: dict[Stage, str] = {
    "waiting": "waiting",
    "routing": "choosing a route",
    "loading_model": "loading a model",
    "reading_files": "reading the files",
    "searching": "searching the web",
    "reading_page": "reading a page",
    "thinking": "thinking",
    "generating": "answering",
    "saving": "saving",
}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All of C0 but tab and new line, DEL, C1, and Unicode's switches of the writing direction, which
show text in another order than it has (Unicode Technical Report 36, section 3.4)."""


def printable(text: str) -> str:
    """`text` without the control characters with which a model could steer the terminal."""
    return CONTROL.sub("", text)


def printable_json(text: str) -> str:
    """The same JSON with those characters escaped; outside its strings there are none."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th, 12th, 13th, … 21st."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def place(position: int) -> str:
    """The place in the queue; 1 is the one that starts next."""
    return "next in the queue" if position <= 1 else f"{ordinal(position)} in the queue"


def stage(status: Status) -> str:
    """Where the ask is, in a few words: `loading gpt-oss:20b, about 8 s`."""
    words = STAGES[status.stage]
    if status.stage == "waiting" and status.position is not None:
        words = place(status.position)
    if status.stage == "loading_model" and status.model:
        words = f"loading {status.model}"
    if status.eta_seconds is not None:
        words += f", about {max(1, round(status.eta_seconds))} s"
    if status.detail:
        words += f" ({status.detail})"
    return printable(words)


def saved(file: SavedFile) -> str:
    """A file that came out of an answer, and how to get it."""
    return printable(f"file: {file.filename}, fetch it with: trollama artifact {file.artifact_id}")


def footer(done: Done) -> list[str]:
    """The lines under an answer: route · model · why, then tokens and time, then the sources."""
    parts = [part for part in (done.route, done.model, done.why) if part]
    if done.rehearsal and "rehearsal" not in (done.why or ""):
        parts.append("rehearsal")
    lines = [" · ".join(parts)] if parts else []
    lines.append(" · ".join([_tokens(done), _time(done), *_week(done.budget)]))
    lines += [f"[{n}] {source.title} {source.url}" for n, source in enumerate(done.sources, 1)]
    return [printable(line) for line in lines]


def _tokens(done: Done) -> str:
    return f"{done.usage.input_tokens} tokens in, {done.usage.output_tokens} out"


def _time(done: Done) -> str:
    timings = done.timings
    parts = [
        f"{word} {milliseconds / 1000:.1f} s"
        for word, milliseconds in (("waited", timings.queued_ms), ("loaded", timings.load_ms))
        if milliseconds >= 100
    ]
    total = f"{timings.total_ms / 1000:.1f} s"
    return f"{total} ({', '.join(parts)})" if parts else total


def _week(budget: Budget | None) -> list[str]:
    return [f"{budget.used} of {budget.limit} tokens this week"] if budget else []
