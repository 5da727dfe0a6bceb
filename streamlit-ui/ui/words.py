"""Numbers, moments and names as people read them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ui.conversation import Listed, Message, Week

TITLE_CHARS = 42
WITHOUT_TITLE = "New conversation"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MEGA = 1_000_000


def zone(name: str | None) -> ZoneInfo:
    """The person's time zone by its name (tz database); UTC where the browser names none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(text: str) -> datetime | None:
    """ISO 8601 as a moment with a zone; None for what is none."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Meter:
    """A week's budget: how full it is (0 to 1) and two lines about it."""

    share: float
    used: str
    resets: str


def meter(week: Week, *, now: datetime, tz: ZoneInfo) -> Meter:
    """The meter of a person whose clock shows `now` in `tz`."""
    if week.limit is None or not week.enforced:
        return Meter(0.0, f"{week.used:,} tokens used this week, without a limit.", "")
    total = week.limit + week.bonus
    share = min(1.0, (week.used + week.reserved) / total) if total > 0 else 1.0
    used = f"{week.used:,} of {total:,} tokens used this week."
    if week.used >= total:
        used = f"All {total:,} tokens of this week are used."
    return Meter(share, used, resets(week.resets_at, now=now, tz=tz))


def resets(at: str, *, now: datetime, tz: ZoneInfo) -> str:
    """When the week begins anew: the day and hour on the person's clock, and how far off it is."""
    when = moment(at)
    if when is None:
        return ""
    local = when.astimezone(tz)
    return f"Starts anew on {WEEKDAYS[local.weekday()]} at {local:%H:%M}, in {lasting(when - now)}."


def lasting(left: timedelta) -> str:
    """A span in its two largest units: `2 days 3 hours`, `5 minutes`."""
    minutes = max(1, round(left.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " ".join(said[:2])


def lasting_seconds(seconds: float) -> str:
    """The same for seconds."""
    return lasting(timedelta(seconds=seconds))


def day(at: float, tz: ZoneInfo) -> str:
    """A day on the person's calendar, of a moment in seconds since 1970: `3 March 2026`."""
    local = datetime.fromtimestamp(at, tz)
    return f"{local.day} {local:%B %Y}"


def size(count: int) -> str:
    """Bytes for people: `10.5 MB`, `3 KB`, `12 bytes`."""
    if count >= MEGA:
        return f"{count / MEGA:.1f} MB".replace(".0 ", " ")
    return f"{round(count / 1000)} KB" if count >= 1000 else f"{count} bytes"


def title_of(title: str, *, chars: int = TITLE_CHARS) -> str:
    """A conversation's title on one short line."""
    line = " ".join(title.split()) or WITHOUT_TITLE
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


def under_an_answer(message: Message) -> str:
    """`stopped · route · model · why · 2.1 s`, of what is known."""
    seconds = message.timings.total_ms / 1000 if message.timings else 0
    stopped = "stopped" if message.stopped else None
    parts = [
        stopped,
        message.route,
        message.model,
        message.why,
        f"{seconds:.1f} s" if seconds else None,
    ]
    return " · ".join(part for part in parts if part)


def by_day(
    listed: tuple[Listed, ...], *, now: datetime, tz: ZoneInfo
) -> list[tuple[str, list[Listed]]]:
    """The list in groups: today, yesterday, the last seven days, earlier; empty ones left out."""
    groups: dict[str, list[Listed]] = {
        "Today": [], "Yesterday": [], "Last seven days": [], "Earlier": [],
    }  # fmt: skip
    today = now.astimezone(tz).date()
    for one in listed:
        when = moment(one.updated_at)
        days = (today - when.astimezone(tz).date()).days if when else 1000
        groups[_group(days)].append(one)
    return [(name, ones) for name, ones in groups.items() if ones]


def _group(days: int) -> str:
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return "Last seven days" if days < 7 else "Earlier"
