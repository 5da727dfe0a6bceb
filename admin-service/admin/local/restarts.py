"""What happens after a service ended: start it again, and when, or leave it."""

from dataclasses import dataclass

WRONG_SETTINGS = 2
"""`shared.settings.load_settings` ends a service with this code; trying again changes nothing."""

REPLACED = 4
"""
The brain ends with this code when another brain took its store; the two must not take turns.
Uvicorn ends with it when an application cannot begin.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the supervisor is. All in seconds, but `max_deaths`."""

    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0
    good_life_seconds: float = 30.0
    """A service that was live this long and then ended starts with a clean record."""
    max_deaths: int = 5
    """Ends in a row after which it is given up."""
    start_seconds: float = 60.0
    """How long a service may take to become live."""
    stop_seconds: float = 10.0
    """How long it may take to end after SIGTERM before it is killed."""


@dataclass(frozen=True, slots=True)
class Again:
    """Start it again after `pause_seconds`."""

    pause_seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave it until the operator asks again; `reason` is a sentence for them."""

    reason: str


def deaths_in_a_row(before: int, *, lived_seconds: float, pace: Pace) -> int:
    """How many ends in a row this one makes, when the service was live for `lived_seconds`."""
    return 1 if lived_seconds >= pace.good_life_seconds else before + 1


def after_end(code: int | None, *, deaths: int, pace: Pace) -> Again | GiveUp:
    """The decision after an end with exit `code` (None: never became live), the `deaths`-th."""
    if code == WRONG_SETTINGS:
        return GiveUp("it refuses its settings")
    if code == REPLACED:
        return GiveUp("another one has taken over its store")
    if deaths >= pace.max_deaths:
        return GiveUp(f"it ended {deaths} times in a row; {describe(code)} the last time")
    return Again(min(pace.first_pause_seconds * 2 ** (deaths - 1), pace.longest_pause_seconds))


def describe(code: int | None) -> str:
    """An exit status in words; negative codes are signals (`subprocess`)."""
    if code is None:
        return "it did not answer in time"
    return f"it was ended by signal {-code}" if code < 0 else f"it exited with code {code}"
