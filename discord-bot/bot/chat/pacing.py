"""
When the next edit of a channel may go out.

Discord counts requests per channel and says after each how many are left and when the count begins
anew (documentation, Rate Limits: X-RateLimit-Remaining, -Reset-After). What is left is spread over
that time, and one for the end of each answer that grows there is kept back, up to three.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from shared.clock import Clock

MAX_PLACES = 2000
MOST_KEPT = 3
LEAST_WAIT_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a channel has left until `reset_at` (seconds, monotonic)."""

    remaining: int
    reset_at: float


def pause_seconds(
    allowance: Allowance | None,
    *,
    now: float,
    last_at: float,
    default_seconds: float,
    urgent: bool,
    kept: int = 1,
) -> float:
    """
    Seconds to wait before the next request.

    `last_at` is when the one before went out (-inf: never). `urgent` is the end of an answer: it
    may take the `kept` requests that are kept back.
    """
    if allowance is None or allowance.reset_at <= now:
        return 0.0 if urgent else max(0.0, last_at + default_seconds - now)
    rest = allowance.reset_at - now
    if urgent:
        return 0.0 if allowance.remaining > 0 else rest
    if allowance.remaining <= kept:
        return rest
    return max(0.0, min(rest, last_at + rest / allowance.remaining - now))


@dataclass(slots=True)
class _Place:
    last_at: float = float("-inf")
    allowance: Allowance | None = None
    urgent_waiting: int = 0
    light_waiting: int = 0


class Pace:
    """The turns of all channels; a channel's sends and edits are counted apart, as Discord does."""

    def __init__(self, *, interval_seconds: float, clock: Clock) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._places: OrderedDict[tuple[str, int], _Place] = OrderedDict()

    async def turn(self, method: str, channel_id: int, *, urgent: bool = False) -> None:
        """Return when a request of this kind may go to this channel; it then counts as sent."""
        place = self._place(method, channel_id)
        place.urgent_waiting += urgent
        place.light_waiting += not urgent
        try:
            while (wait := self._wait(place, urgent=urgent)) > 0:
                await self._clock.sleep(max(wait, LEAST_WAIT_SECONDS))
        finally:
            place.urgent_waiting -= urgent
            place.light_waiting -= not urgent
        now = self._clock.monotonic()
        place.last_at = now
        if place.allowance is not None:
            left = place.allowance.remaining - 1
            fresh = place.allowance.reset_at <= now
            place.allowance = None if fresh else Allowance(left, place.allowance.reset_at)

    def noted(self, method: str, channel_id: int, headers: Mapping[str, str]) -> None:
        """What Discord said with its answer to such a request."""
        try:
            remaining = int(headers["X-RateLimit-Remaining"])
            reset_after = float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        reset_at = self._clock.monotonic() + reset_after
        self._place(method, channel_id).allowance = Allowance(remaining, reset_at)

    def _wait(self, place: _Place, *, urgent: bool) -> float:
        wait = pause_seconds(
            place.allowance,
            now=self._clock.monotonic(),
            last_at=place.last_at,
            default_seconds=self._interval_seconds,
            urgent=urgent,
            kept=min(place.light_waiting, MOST_KEPT),
        )
        if wait == 0 and place.urgent_waiting and not urgent:
            return LEAST_WAIT_SECONDS  # ends of answers go first
        return wait

    def _place(self, method: str, channel_id: int) -> _Place:
        key = (method, channel_id)
        place = self._places.setdefault(key, _Place())
        self._places.move_to_end(key)
        while len(self._places) > MAX_PLACES:
            self._places.popitem(last=False)
        return place
