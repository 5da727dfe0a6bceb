"""
How an ask can end without an answer.

BoundaryError
├─ Cancelled       chat.cancelled
└─ GivenUp …       (brain.jobs.errors)
Upstream
└─ EmptyAnswer     backend.failed
NotFound
├─ UnknownAsk           chat.unknown_ask
└─ NothingToSummarize   not_found
"""

from shared.errors import Conflict, NotFound, Upstream


class Cancelled(Conflict):
    """Somebody who may stop this ask did."""

    code = "chat.cancelled"

    def __init__(self) -> None:
        super().__init__("This request was cancelled.")


class UnknownAsk(NotFound):
    """Nothing with that id was asked here, or it was long ago."""

    code = "chat.unknown_ask"

    def __init__(self) -> None:
        super().__init__("There is no such request; it may have been forgotten by now.")


class EmptyAnswer(Upstream):
    """The model ended without a word."""

    code = "backend.failed"

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(f"{model} ended without an answer. Please try again.")


class NothingToSummarize(NotFound):
    """An empty conversation."""

    def __init__(self) -> None:
        super().__init__("Nothing was said in this conversation yet, so there is no summary.")
