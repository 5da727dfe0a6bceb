"""What the bot says by itself. Everything else comes from the brain."""

from shared.protocol import Done, Failed, Queued, Stage, Status

ASKED = "⏳ …"
GOES_ON = "⏳ Trollama is not reachable right now; your question goes on by itself."
DELETED = "The question was deleted, so it was stopped."
CHANGED = "✏️ The question was changed; asking again …"
NOTHING_TO_CANCEL = "There is nothing of yours to cancel here."
CANCELLING = "Stopping …"
NOT_ALLOWED = "This is for operators."
TOO_LATE = "The question is gone, so it cannot be asked again."
WHOLE_ANSWER = "-# The whole answer is in the file."

STAGES: dict[Stage, str] = {
    "waiting": "Waiting for a free place…",
    "routing": "Choosing a model…",
    "loading_model": "Loading the model…",
    "reading_files": "Reading files…",
    "searching": "Searching the web…",
    "reading_page": "Reading a page…",
    "thinking": "Thinking…",
    "generating": "Writing…",
    "saving": "Saving…",
}

HELP = """**Talk to me**: mention me in a channel and I open a thread; in my threads and in direct \
messages just write. Send files along (pictures, PDF, text, code).
`/reset` forget what was said here · `/summarize` shorten it · `/close` forget it and close the \
thread
`/cancel` stop your question (so do "cancel that request", the Stop button and deleting it)
`/model` choose who answers you · `/budget` your tokens this week
`/link` connect your account · `/forget` delete what is kept about you
Operators: `/status`, `/maintenance`, `/why`"""


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th …"""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def of_queued(frame: Queued) -> str:
    """The place in the queue."""
    return f"⏳ {ordinal(frame.position)} in the queue"


def of_status(frame: Status) -> str:
    """The line above which the answer will appear."""
    if frame.detail:
        return f"⏳ {frame.detail}"
    if frame.stage == "waiting" and frame.position:
        return f"⏳ {ordinal(frame.position)} in the queue"
    if frame.stage == "loading_model" and frame.model:
        about = f", about {max(1, round(frame.eta_seconds))} s" if frame.eta_seconds else ""
        return f"⏳ Loading {frame.model}{about}…"
    return f"⏳ {STAGES[frame.stage]}"


def footer(done: Done) -> str:
    """Route · model · why, in Discord's small print; "" where nothing is known."""
    parts = [done.route, done.model, done.why, "rehearsed" if done.rehearsal else None]
    line = " · ".join(part.replace("\n", " ") for part in parts if part)
    return f"-# {line}" if line else ""


def of_failed(failed: Failed) -> str:
    """Why there is no answer."""
    if failed.code == "chat.cancelled":
        return "🛑 Stopped."
    mark = "" if failed.message[:1] in "🚫🔧⚠️" else "⚠️ "
    return f"{mark}{failed.message}"
