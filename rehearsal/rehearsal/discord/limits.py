"""Rate limits: buckets of requests that refill all at once, and the headers that tell of them.

Source: Discord's documentation, "Rate Limits". The sizes of buckets are not published; those of
messages are what the live service is known to send.
"""

from dataclasses import dataclass, field

from rehearsal.discord.world import Json


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many real seconds."""

    requests: int
    seconds: float


@dataclass(slots=True)
class Limits:
    """The size of each kind of bucket; a bucket belongs to one channel, guild or webhook."""

    write: Limit = Limit(5, 5.0)
    """Creating messages, and separately editing them, in one channel."""
    delete: Limit = Limit(5, 1.0)
    react: Limit = Limit(1, 0.25)
    typing: Limit = Limit(5, 5.0)
    webhook: Limit = Limit(5, 2.0)
    other: Limit = Limit(50, 1.0)
    everything: Limit = Limit(50, 1.0)
    """All requests of the bot together, except those of interactions."""


@dataclass(slots=True)
class _Bucket:
    ends: float = 0.0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and the headers of its answer."""

    passes: bool
    headers: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)


class Buckets:
    """The state of all buckets."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: dict[str, _Bucket] = {}
        self._everything = _Bucket()

    def ask(self, method: str, route: str, major: str, *, now: float, wall: float) -> Verdict:
        """
        Count one request to `route` (its pattern) for the channel, guild or webhook `major`.

        `now` is a monotonic second, `wall` one since 1970.
        """
        kind, limit = self._limit(method, route)
        if kind != "webhook" and "/interactions/" not in route:
            wait = _take(self._everything, self._limits.everything, now)
            if wait > 0:
                return _refusal(wait, "global", {"X-RateLimit-Global": "true"})
        name = f"{kind}-{method}:{major}" if kind != "other" else f"{method} {route}:{major}"
        bucket = self._buckets.setdefault(name, _Bucket())
        wait = _take(bucket, limit, now)
        headers = {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(max(0, limit.requests - bucket.used)),
            "X-RateLimit-Reset": f"{wall + bucket.ends - now:.3f}",
            "X-RateLimit-Reset-After": f"{bucket.ends - now:.3f}",
            "X-RateLimit-Bucket": f"{abs(hash((kind, method, route))):x}"[:16],
        }
        return _refusal(wait, "user", headers) if wait > 0 else Verdict(True, headers)

    def _limit(self, method: str, route: str) -> tuple[str, Limit]:
        limits = self._limits
        if "/webhooks/" in route:
            return "webhook", limits.webhook
        if "/reactions" in route:
            return "react", limits.react
        if route.endswith("/typing"):
            return "typing", limits.typing
        if "/messages" in route and not route.endswith("/threads"):
            match method:
                case "POST" | "PATCH":
                    return "write", limits.write
                case "DELETE":
                    return "delete", limits.delete
        return "other", limits.other


def refusal_body(wait: float, *, everywhere: bool) -> Json:
    """The JSON of a 429."""
    message = "You are being rate limited."
    return {"message": message, "retry_after": round(wait, 3), "global": everywhere}


def _refusal(wait: float, scope: str, headers: dict[str, str]) -> Verdict:
    own = {"Retry-After": str(int(wait) + 1), "X-RateLimit-Scope": scope}
    return Verdict(False, headers | own, refusal_body(wait, everywhere=scope == "global"))


def _take(bucket: _Bucket, limit: Limit, now: float) -> float:
    """Use one of the bucket up; seconds to wait when there is none."""
    if now >= bucket.ends:
        bucket.ends, bucket.used = now + limit.seconds, 0
    if bucket.used >= limit.requests:
        return bucket.ends - now
    bucket.used += 1
    return 0.0
