"""
When the next request to a channel may go out.

Discord counts requests per channel and kind and says after each how many fit, how many are left and
when the count begins anew (documentation, Rate Limits: X-RateLimit-Limit, -Remaining,
-Reset-After). Where its windows begin is its own affair, so that no more than `Limit.requests` go
out in *any* `Limit.seconds`: a request counts from the moment its answer came, which is never
before Discord counted it.

Of these one is kept for the end of an answer. The others are for answers that grow, evenly spaced;
whoever has waited longest is next. So with n answers in one channel each is shown anew every
`fair_share_seconds(limit, n)`, and words wait half of that on average. An end goes before all
others and costs them one turn.

    turn ─▶ line of the channel ─▶ line of the bot ─▶ request ─▶ noted | over
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.chat.line import Line
from shared.clock import Clock

MAX_PLACES = 2000
KEPT = 1
"""Requests of a channel that only ends of answers may take."""

LONGEST_UNDER_WAY_SECONDS = 1.0
"""Requests of a channel go one after another, unless one takes longer than this."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


EVERYTHING = Limit(45, 1.0)
"""Discord takes 50 requests a second of one bot (Rate Limits, Global); those that were slow on
their way arrive beside later ones."""

KEPT_OF_EVERYTHING = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """What Discord says is left until `reset_at` (seconds, monotonic)."""

    remaining: int
    reset_at: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is known of one channel's requests of one kind; moments are monotonic seconds."""

    limit: Limit | None = None
    counted: tuple[float, ...] = ()
    """From when each request counts, oldest first."""
    grew_at: float = float("-inf")
    """When a growing answer was shown last."""
    under_way_since: float | None = None
    told: Allowance | None = None


def fair_share_seconds(limit: Limit, answers: int) -> float:
    """Seconds between two edits of one message where `answers` grow in the same channel."""
    return answers * limit.seconds / max(1, limit.requests - KEPT)


def pause_seconds(
    bucket: Bucket,
    *,
    now: float,
    default_seconds: float,
    spaced: bool,
    urgent: bool,
    ahead: int = 0,
) -> float:
    """
    Seconds until the next request may go.

    `urgent` is the end of an answer, `ahead` how many ends are before it; `spaced` spreads what is
    not urgent. Before Discord has said anything, `default_seconds` are between two of those.
    """
    free_at = now
    if bucket.under_way_since is not None:
        free_at = max(free_at, bucket.under_way_since + LONGEST_UNDER_WAY_SECONDS)
    told, limit = bucket.told, bucket.limit
    if told is not None and told.remaining - ahead <= (0 if urgent else KEPT):
        free_at = max(free_at, told.reset_at)
    if limit is not None:
        free_at = max(free_at, _room_at(bucket.counted, limit, urgent=urgent, ahead=ahead))
    if spaced and not urgent:
        share = default_seconds if limit is None else fair_share_seconds(limit, 1)
        free_at = max(free_at, bucket.grew_at + share)
    return free_at - now


def _room_at(counted: tuple[float, ...], limit: Limit, *, urgent: bool, ahead: int) -> float:
    room = limit.requests if urgent else max(1, limit.requests - KEPT)
    at = len(counted) - room + ahead
    return counted[min(at, len(counted) - 1)] + limit.seconds if at >= 0 else float("-inf")


@dataclass(slots=True)
class _Place:
    line: Line
    limit: Limit | None = None
    counted: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    grew_at: float = float("-inf")
    under_way_since: float | None = None
    told: Allowance | None = None

    def bucket(self, now: float) -> Bucket:
        told = self.told if self.told is not None and self.told.reset_at > now else None
        return Bucket(self.limit, tuple(self.counted), self.grew_at, self.under_way_since, told)

    def over(self, now: float) -> None:
        """The request that was under way has been answered, or never will be."""
        if self.under_way_since is not None:
            self.under_way_since = None
            self.counted[-1] = now
            self.line.look()


class Pace:
    """The turns of all channels; a channel's sends and edits are counted apart, as Discord does."""

    def __init__(self, *, interval_seconds: float, clock: Clock) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._places: OrderedDict[tuple[str, int], _Place] = OrderedDict()
        self._all = Line(clock)
        self._all_counted: deque[float] = deque(maxlen=EVERYTHING.requests)
        self._all_stopped_until = float("-inf")

    async def turn(self, method: str, channel_id: int, *, urgent: bool = False) -> None:
        """
        Return when a request of this kind may go to this channel; it then counts as sent.

        `noted` or `over` must follow.
        """
        place = self._place(method, channel_id)
        await place.line.turn(lambda: self._pause(method, place, urgent=urgent), urgent=urgent)
        now = self._clock.monotonic()
        place.under_way_since = now
        place.counted.append(now)
        place.grew_at = place.grew_at if urgent else now
        granted = False
        try:
            await self._all.turn(lambda: self._pause_of_all(urgent=urgent), urgent=urgent)
            granted = True
        finally:
            if not granted:
                place.over(now)
        self._all_counted.append(self._clock.monotonic())

    async def turn_of_end(
        self, channel_id: int, *, patience_seconds: float
    ) -> Literal["PATCH", "POST"]:
        """
        The same for the end of an answer: a turn to edit, or one to send where editing would have
        to wait longer than that and sending would not.
        """
        # Decided and queued in one step: ends that come at once must see each other.
        edited, sent = (self._expected(method, channel_id) for method in ("PATCH", "POST"))
        method: Literal["PATCH", "POST"] = "POST" if patience_seconds < edited > sent else "PATCH"
        await self.turn(method, channel_id, urgent=True)
        return method

    def _expected(self, method: str, channel_id: int) -> float:
        place = self._place(method, channel_id)
        return self._pause(method, place, urgent=True, ahead=place.line.urgent_waiting)

    def began(self) -> None:
        """A request without a turn went out; it counts for the bot's own limit."""
        self._all_counted.append(self._clock.monotonic())

    def noted(self, method: str, channel_id: int, headers: Mapping[str, str]) -> None:
        """What Discord said with its answer to such a request."""
        now, place = self._clock.monotonic(), self._place(method, channel_id)
        try:
            if "X-RateLimit-Global" in headers:
                self._all_stopped_until = now + float(headers["Retry-After"])
            elif "X-RateLimit-Remaining" in headers:
                most = int(headers["X-RateLimit-Limit"])
                remaining = int(headers["X-RateLimit-Remaining"])
                reset_after = float(headers["X-RateLimit-Reset-After"])
                place.told = Allowance(remaining, now + reset_after)
                place.limit = _learned(place.limit, most, remaining, reset_after)
            elif "Retry-After" in headers:
                place.told = Allowance(0, now + float(headers["Retry-After"]))
        except (KeyError, ValueError):
            pass
        place.over(now)

    def over(self, method: str, channel_id: int) -> None:
        """A request that had its turn came to an end, maybe without an answer."""
        self._place(method, channel_id).over(self._clock.monotonic())

    def give_back(self, method: str, channel_id: int) -> None:
        """A turn was had and nothing sent."""
        place = self._place(method, channel_id)
        place.under_way_since = None
        place.counted.pop()
        place.line.look()

    def _pause(self, method: str, place: _Place, *, urgent: bool, ahead: int = 0) -> float:
        now = self._clock.monotonic()
        return pause_seconds(
            place.bucket(now),
            now=now,
            default_seconds=self._interval_seconds,
            spaced=method == "PATCH",
            urgent=urgent,
            ahead=ahead,
        )

    def _pause_of_all(self, *, urgent: bool) -> float:
        now = self._clock.monotonic()
        room = EVERYTHING.requests - (0 if urgent else KEPT_OF_EVERYTHING)
        counted = self._all_counted
        free_at = counted[-room] + EVERYTHING.seconds if len(counted) >= room else now
        return max(free_at, self._all_stopped_until) - now

    def _place(self, method: str, channel_id: int) -> _Place:
        key = (method, channel_id)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(Line(self._clock))
        self._places.move_to_end(key)
        while len(self._places) > MAX_PLACES:
            self._places.popitem(last=False)
        return place


def _learned(known: Limit | None, most: int, remaining: int, reset_after: float) -> Limit:
    """The first request of a window is told the whole window, later ones what is left of it."""
    if known is None or remaining == most - 1:
        return Limit(most, reset_after)
    return Limit(most, max(known.seconds, reset_after))
