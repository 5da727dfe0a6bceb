"""
Which model a waiting question will probably want, told at once and without asking anybody.

A guess for the order of the queue only: what the person named, where the conversation went last,
what cheap signals say. The router decides when the question's turn has come.
"""

from collections import OrderedDict
from typing import TypeVar

from brain.chat.books import Entry
from brain.jobs.job import Job
from brain.routing.router import Router
from brain.routing.routes import Previous, parse_route
from shared.protocol import Done, End, Usage

MAX_KNOWN = 10_000
"""Conversations, and questions, that are remembered; then the longest unused is forgotten."""

V = TypeVar("V")


class Likely:
    """A book of the worker (`brain.chat.books`) that is asked by the queue."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._last: OrderedDict[str, Previous] = OrderedDict()
        self._guesses: OrderedDict[str, tuple[Previous | None, str | None]] = OrderedDict()

    def model(self, job: Job) -> str | None:
        """The model `job` will probably be answered by; None when only a model could tell."""
        match job.kind:
            case "reset" | "close":
                return None
            case "summarize":
                return self._router.for_summary()
        last = self._last.get(job.conversation)
        known = self._guesses.get(job.request_id)
        if known is not None and known[0] is last:
            return known[1]
        guess = self._router.guess(job.text, job.options, previous=last)
        _keep(self._guesses, job.request_id, (last, guess))
        return guess

    def reopen(self, job: Job) -> None:
        """Where its conversation went before is not known any more."""

    async def close(self, job: Job, end: End, usage: Usage) -> Entry:
        """Remember where the conversation of `job` went."""
        return Entry(end, kept=lambda: self._note(job, end))

    def _note(self, job: Job, end: End) -> None:
        self._guesses.pop(job.request_id, None)
        if job.kind == "reset":
            self._last.pop(job.conversation, None)
        if not isinstance(end, Done) or job.kind != "ask":
            return
        route = parse_route(end.route or "")
        if route is not None and end.model:
            _keep(self._last, job.conversation, Previous("", route, end.model))


def _keep(memory: OrderedDict[str, V], key: str, value: V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MAX_KNOWN:
        memory.popitem(last=False)
