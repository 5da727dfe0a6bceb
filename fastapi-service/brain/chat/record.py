"""
What is kept with an answer beside its words: how it came about, for whoever reads it again.

It stands in the row of the answer, which has room for about 16 KB beside the longest text.
"""

from collections.abc import Sequence

from brain.jobs.job import Job
from brain.routing.routes import Choice
from shared.protocol import Source, Timings, Usage
from shared.store import Item

MAX_WHY_CHARS = 500
MAX_TITLE_CHARS = 200
MAX_SOURCES_BYTES = 12_000
"""More pages than one answer reads; only very long addresses can pass it."""


def why_told(choice: Choice, *, rehearsal: bool) -> str:
    """How the route was chosen, and that no real model answered where that is so."""
    return f"{choice.why} (rehearsal)" if rehearsal else choice.why


def record(
    job: Job,
    choice: Choice | None,
    *,
    rehearsal: bool,
    sources: Sequence[Source],
    usage: Usage,
    timings: Timings,
    stopped: bool,
) -> Item:
    """
    The attributes of the answer's row; `request_id` leads back to the request.

    `stopped`: the person broke it off, so it is not all that would have been said.
    """
    return {
        **({"stopped": True} if stopped else {}),
        "request_id": job.request_id,
        "route": choice.route if choice else None,
        "model": choice.model if choice else None,
        "why": why_told(choice, rehearsal=rehearsal)[:MAX_WHY_CHARS] if choice else None,
        "sources": fitting(sources),
        "usage": usage.model_dump(),
        "timings": timings.model_dump(),
    }


def fitting(sources: Sequence[Source]) -> list[Item]:
    """The first of `sources` that fit, in their order, as the text cites them by their number."""
    found: list[Item] = []
    left = MAX_SOURCES_BYTES
    for source in sources:
        title = source.title[:MAX_TITLE_CHARS]
        left -= len(title.encode("utf-8", "replace")) + len(source.url.encode("utf-8", "replace"))
        if left < 0:
            break
        found.append({"title": title, "url": source.url})
    return found
