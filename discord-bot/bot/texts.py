"""What the bot says by itself. Everything else comes from the brain."""

import re
from urllib.parse import urlsplit

from shared.protocol import Done, Failed, Queued, Source, Stage, Status

MAX_DETAIL = 500
"""Characters of what the brain says is being done; a message takes 2000."""

MAX_ADDRESS, MAX_TITLE = 200, 60
"""Characters of a source's address and title: five of them fit below an answer."""

ASKED = "⏳ …"
GOES_ON = "⏳ Trollama is not reachable right now; your question goes on by itself."
DELETED = "The question was deleted, so it was stopped."
CHANGED = "✏️ The question was changed; asking again …"
NOTHING_TO_CANCEL = "There is nothing of yours to cancel here."
TAKES_LONGER = "⏳ This takes longer than a command may; how it ends comes here as a message."
BROKE = "⚠️ That did not work. Please try again; why it did not is in the log of the bot."
CANCELLING = "Stopping …"
NOT_YOURS = "Only who asked the question can do that; ask it yourself to get your own answer."
FILES_REFUSED = "⚠️ I may not attach files here. When an administrator allows it, Regenerate."
FILES_REJECTED = "⚠️ Discord did not take the files; they may be too large."
MORE = "-# More files"
NOT_SHOWN = "⚠️ This could not be shown as it should be. Regenerate asks it again."
FULL = "⚠️ Queue is full. Please try again in a few minutes."
CUT = "⚠️ I may not go on here. When an administrator allows it, Regenerate."
MAY_NOT_WRITE = "I heard you in {}, but I may not write there. An administrator can allow it; \
or ask me here."
NOT_HERE = "This bot may not be used here, or not by you."
NOT_ALLOWED = "This is for operators."
TOO_LATE = "The question is gone, so it cannot be asked again."
NO_WORDS = "The model had nothing to say. Regenerate asks it again."
WHOLE_ANSWER = "-# The whole answer is in the file."
IN_MAINTENANCE = "-# 🔧 Bot is under maintenance. Your request has been queued."

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
messages just write. Send files along: pictures, PDF, text, code.
- `/reset` forget what was said here
- `/summarize` shorten it, so that more fits
- `/close` forget it and close the thread
- `/cancel` stop your question; so do the Stop button, "cancel that request" and deleting it
- `/model` choose who answers you
- `/budget` your tokens this week
- `/link` connect your account
- `/forget` delete what is kept about you
-# For operators: `/status`, `/maintenance`, `/why`"""


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th …"""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def place(position: int) -> str:
    """The place in the queue; 1 is the one that starts next."""
    return "Next in the queue" if position <= 1 else f"{ordinal(position)} in the queue"


def of_queued(frame: Queued) -> str:
    """The place in the queue."""
    return f"⏳ {place(frame.position)}"


def of_status(frame: Status) -> str:
    """The line above which the answer will appear."""
    detail = " ".join((frame.detail or "").split())[:MAX_DETAIL]
    match frame.stage:
        case "waiting":
            line = _waiting(frame, detail)
        case "loading_model" if frame.model:
            about = f", about {max(1, round(frame.eta_seconds))} s" if frame.eta_seconds else ""
            line = f"Loading {frame.model}{about}…"
        case "searching" if detail:
            line = f"Searching the web for {_as_code(detail)}…"
        case "reading_page" if detail:
            line = f"Reading {_host(detail) or _as_code(detail)}…"
        case "reading_files" | "saving" if detail and not detail.endswith("…"):
            line = f"{'Saving' if frame.stage == 'saving' else 'Reading'} {_as_code(detail)}…"
        case _:
            line = _sentence(detail) or STAGES[frame.stage]
    return f"⏳ {line}"


def _waiting(frame: Status, detail: str) -> str:
    if frame.position:
        line = place(frame.position)
    elif frame.model:
        line = f"Waiting for {frame.model}"
    else:
        return _sentence(detail) or STAGES["waiting"]
    if not detail:
        return line if frame.position else f"{line}…"
    return f"{line}: {detail}" if detail[0].islower() else f"{detail} {line}."


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:]}"


def _as_code(name: str) -> str:
    """`name` with nothing in it read as markup, mention or address."""
    without_ticks = name.replace("`", "'")
    return f"`{without_ticks}`"


def of_source(source: Source) -> str:
    """
    A link in small print; "" for an address that cannot be one.

    Titles are written by strangers: nothing in them may end the link or begin another.
    """
    address = source.url
    host = _host(address)
    if not host or len(address) >= MAX_ADDRESS or re.search(r"[\s<>]", address):
        return ""
    title = " ".join(re.sub(r"[\[\]()<>`*_~|\\]|https?://", " ", source.title).split())
    return f"-# [{title[:MAX_TITLE] or host}](<{address}>)"


def _host(address: str) -> str:
    """Strangers and models write addresses; "" for what is none (`https://[a/b`)."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def footer(done: Done) -> str:
    """Route · model · why, in Discord's small print; "" where nothing is known."""
    parts = [done.route, done.model, done.why]
    line = " · ".join(part.replace("\n", " ") for part in parts if part)
    return f"-# {line}" if line else ""


def of_failed(failed: Failed) -> str:
    """Why there is no answer."""
    if failed.code == "chat.cancelled":
        return "🛑 Stopped."
    mark = "" if failed.message[:1] in "🚫🔧⚠️" else "⚠️ "
    again = " Please try again in a moment." if failed.retryable else ""
    return f"{mark}{failed.message}{'' if 'again' in failed.message else again}"
