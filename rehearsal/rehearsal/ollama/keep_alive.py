"""How long a model stays after its last request, in the forms Ollama accepts."""

import re

from rehearsal.errors import BadRequest
from rehearsal.ollama.residents import FOREVER

_UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_keep_alive(given: object) -> float | None:
    """
    Seconds, `FOREVER` for anything negative, None when the server's default is meant.

    Numbers are seconds; strings are Go durations ("10m", "1h30m", "-1s"); a bare number in a string
    is an error, as in Go's `time.ParseDuration`. Raises `BadRequest`.
    """
    match given:
        case None:
            return None
        case bool():
            raise BadRequest(f"time: invalid duration {given!r}")
        case int() | float():
            seconds = float(given)
        case str():
            seconds = _go_duration(given)
        case _:
            raise BadRequest(f"time: invalid duration {given!r}")
    return FOREVER if seconds < 0 else seconds


def _go_duration(text: str) -> float:
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    sign = -1.0 if text.startswith("-") else 1.0
    if unsigned == "0":
        return 0.0
    parts = list(_PART.finditer(unsigned))
    if not parts or "".join(part.group() for part in parts) != unsigned:
        missing = re.fullmatch(r"\d+(\.\d*)?|\.\d+", unsigned)
        problem = "missing unit in duration" if missing else "invalid duration"
        raise BadRequest(f'time: {problem} "{text}"')
    return sign * sum(float(part[1]) * _UNITS[part[2]] for part in parts)
