"""
Why a question was not taken or was given up.

Busy
└─ QueueFull        queue.full
BoundaryError
└─ GivenUp          internal    every attempt failed
"""

from shared.errors import BoundaryError, Busy


class QueueFull(Busy):
    """As many questions wait as may."""

    code = "queue.full"

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(
            f"Queue is full. {waiting} questions are waiting; please try again in a few minutes."
        )


class GivenUp(BoundaryError):
    """The brain stopped in the middle of this question as often as it may be tried."""

    code = "internal"
    retryable = True

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        super().__init__(
            f"This question could not be answered: {attempts} attempts ended without an answer. "
            "Please ask again, perhaps in other words."
        )


class Superseded(Exception):
    """Another brain has taken over this store; this one must not touch its jobs any more."""
