"""Guessing gets slower: after a few failures each further try costs a longer pause."""

from collections import OrderedDict
from dataclasses import dataclass

from auth.errors import TooManyAttempts
from shared.clock import Clock

FREE_ATTEMPTS = 10
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 900.0
FORGET_AFTER_SECONDS = 3600.0
REMEMBERED = 10_000
"""Keys kept in memory; the one not tried for the longest time gives way."""


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    last_at: float = 0.0
    paused_until: float = 0.0


class Throttle:
    """
    Counts attempts by key; an attempt is a failure until `forgive` says otherwise.

    Counting before the outcome is known keeps a hundred guesses at once from counting as one.
    """

    def __init__(self, *, clock: Clock, free: int = FREE_ATTEMPTS, size: int = REMEMBERED) -> None:
        self._clock = clock
        self._free = free
        self._size = size
        self._attempts: OrderedDict[tuple[str, ...], _Attempts] = OrderedDict()

    def attempt(self, *key: str) -> None:
        """Count one attempt for `key`, or raise `TooManyAttempts` with the seconds to wait."""
        now = self._clock.monotonic()
        seen = self._attempts.get(key)
        if seen is None or now - seen.last_at > FORGET_AFTER_SECONDS:
            seen = self._attempts[key] = _Attempts()
        if now < seen.paused_until:
            raise TooManyAttempts(seen.paused_until - now)
        seen.count += 1
        seen.last_at = now
        seen.paused_until = now + _pause_seconds(seen.count - self._free)
        self._attempts.move_to_end(key)
        if len(self._attempts) > self._size:
            self._attempts.popitem(last=False)

    def forgive(self, *key: str) -> None:
        """Forget the failures of `key`: it succeeded, or was never judged."""
        self._attempts.pop(key, None)


def _pause_seconds(excess: int) -> float:
    """How long to pause after an attempt that is the `excess`-th above the free ones."""
    if excess < 0:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(excess, 10))
