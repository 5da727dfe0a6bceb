"""
Guessing gets slower: after a few failures each further try costs a longer pause. What people may
do, though not without end, is granted at a steady pace.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address

from auth.errors import TooManyAttempts
from shared.clock import Clock

FREE_ATTEMPTS = 10
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 900.0
FORGET_AFTER_SECONDS = 3600.0
REMEMBERED = 10_000
"""Keys kept in memory, 16 bytes each; the one not tried for the longest time gives way."""


@dataclass(frozen=True, slots=True)
class Tries:
    """What is counted together, and how many failures of it are free."""

    key: tuple[str, ...]
    free: int = FREE_ATTEMPTS

    @property
    def digest(self) -> bytes:
        """The key as it is remembered: strangers choose how long names are."""
        return blake2b(repr(self.key).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    last_at: float = 0.0
    paused_until: float = 0.0


class Throttle:
    """
    Counts attempts; each is a failure until `forgive` or `undo` says otherwise.

    Counting before the outcome is known keeps a hundred guesses at once from counting as one.
    """

    def __init__(self, *, clock: Clock, size: int = REMEMBERED) -> None:
        self._clock = clock
        self._size = size
        self._attempts: OrderedDict[bytes, _Attempts] = OrderedDict()

    def attempt(self, *tries: Tries) -> None:
        """Count one attempt for each, or none and raise `TooManyAttempts` with the longest wait."""
        now = self._clock.monotonic()
        pause = max(self._seen(one, now).paused_until for one in tries) - now
        if pause > 0:
            raise TooManyAttempts(pause)
        for one in tries:
            self._count(one, now)
        while len(self._attempts) > self._size:
            self._attempts.popitem(last=False)

    def forgive(self, *tries: Tries) -> None:
        """Forget the failures: it succeeded."""
        for one in tries:
            self._attempts.pop(one.digest, None)

    def undo(self, *tries: Tries) -> None:
        """Take one attempt back: it was no failure, which says nothing about the others."""
        for one in tries:
            seen = self._attempts.get(one.digest)
            if seen is not None:
                seen.count = max(0, seen.count - 1)
                if seen.count < one.free:
                    seen.paused_until = 0.0

    def _seen(self, one: Tries, now: float) -> _Attempts:
        seen = self._attempts.get(one.digest)
        return _Attempts() if seen is None or now - seen.last_at > FORGET_AFTER_SECONDS else seen

    def _count(self, one: Tries, now: float) -> None:
        seen = self._attempts[one.digest] = self._seen(one, now)
        seen.count += 1
        seen.last_at = now
        seen.paused_until = now + _pause_seconds(seen.count - one.free)
        self._attempts.move_to_end(one.digest)


class Allowance:
    """
    Grants one thing per key: `at_once` of them, of which one comes back `every_seconds`.

    The generic cell rate algorithm (ITU-T I.371, Annex A): one number is kept of each key.
    """

    def __init__(
        self, *, at_once: int, every_seconds: float, clock: Clock, size: int = REMEMBERED
    ) -> None:
        self._spare_seconds = (at_once - 1) * every_seconds
        self._every_seconds = every_seconds
        self._clock = clock
        self._size = size
        self._full_again_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> None:
        """Take one, or raise `TooManyAttempts` with the wait for the next."""
        now = self._clock.monotonic()
        full_again_at = max(now, self._full_again_at.get(key, now))
        wait = full_again_at - now - self._spare_seconds
        if wait > 0:
            raise TooManyAttempts(wait)
        self._full_again_at[key] = full_again_at + self._every_seconds
        self._full_again_at.move_to_end(key)
        while len(self._full_again_at) > self._size:
            self._full_again_at.popitem(last=False)


def place_of(address: str) -> str:
    """
    What is counted as one address: all of an IPv6 /64, which one household has (RFC 6177).

    An IPv4 address written as an IPv6 one is itself; what is no address stays as it is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False))


def _pause_seconds(excess: int) -> float:
    """How long to pause after an attempt that is the `excess`-th above the free ones."""
    if excess < 0:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(excess, 10))
