"""Tables and verdicts from the cells of a run."""

from collections.abc import Sequence
from typing import Any

Cell = dict[str, Any]
HEAD = (
    f"{'target':<16}{'streams':>8}{'first token ms':>20}{'added':>10}{'token ms':>20}"
    f"{'delivered':>10}{'us/token':>9}{'per core':>9}{'MiB':>6}{'foreign':>8}{'err':>5}"
)
TOKENS_PER_SECOND = 50
AIM_ADDED_MS = {1: 2.0, 100: 5.0}
AIM_STREAMS = 400
AIM_MIB = 200


def rows_of(shown: Sequence[Cell], known: Sequence[Cell]) -> list[str]:
    """A head and a line for each of `shown`; `known` holds the direct ones to compare with."""
    return [HEAD, *(_row(cell, added_ms(cell, known)) for cell in shown)]


def added_ms(cell: Cell, known: Sequence[Cell]) -> float | None:
    """Milliseconds of the median first token above calling the backend directly."""
    for other in known:
        if other["target"] == "direct" and other["streams"] == cell["streams"]:
            if cell["first_token_p50_ms"] is None or cell is other:
                return None
            return round(float(cell["first_token_p50_ms"]) - float(other["first_token_p50_ms"]), 2)
    return None


def streams_per_core(cell: Cell) -> int | None:
    """How many streams of 50 tokens/s one core would carry at this cell's CPU per token."""
    cost = cell["cpu_us_per_token"]
    return round(1e6 / cost / TOKENS_PER_SECOND) if cost else None


def verdicts(cells: Sequence[Cell]) -> list[str]:
    """Which aims the brain reaches, a line each."""
    lines = []
    own = [cell for cell in cells if cell["target"].startswith("brain")]
    for cell in own:
        added, aim = added_ms(cell, cells), AIM_ADDED_MS.get(cell["streams"])
        if aim is not None and added is not None:
            at = f"{cell['target']} at {cell['streams']}"
            lines.append(_verdict(f"{at}: added first token", added, aim, "ms", added <= aim))
    for name in dict.fromkeys(cell["target"] for cell in own):
        mine = [cell for cell in own if cell["target"] == name and cell["streams"] >= 100]
        if not mine:
            continue
        most = max(filter(None, map(streams_per_core, mine)), default=0)
        rss = max(cell["rss_mib"] for cell in mine)
        lines.append(
            _verdict(f"{name}: streams per core", most, AIM_STREAMS, "", most >= AIM_STREAMS)
        )
        lines.append(_verdict(f"{name}: memory", rss, AIM_MIB, "MiB", rss <= AIM_MIB))
    return lines


def _verdict(what: str, value: float, aim: float, unit: str, reached: bool) -> str:
    return f"{'reached' if reached else 'MISSED ':<8} {what} {value:g} {unit} (aim {aim:g})"


def _row(cell: Cell, added: float | None) -> str:
    share = cell["tokens_per_second"] / cell["offered_per_second"]
    return (
        f"{cell['target']:<16}{cell['streams']:>8}"
        f"{_two(cell['first_token_p50_ms'], cell['first_token_p99_ms']):>20}"
        f"{'' if added is None else f'{added:+.2f}':>10}"
        f"{_two(cell['token_p50_ms'], cell['token_p99_ms']):>20}"
        f"{share:>10.0%}{cell['cpu_us_per_token'] or 0:>9.1f}{streams_per_core(cell) or 0:>9}"
        f"{cell['rss_mib']:>6.0f}{cell['foreign_cpu_pct']:>8.0f}{cell['errors']:>5}"
    )


def _two(median: float | None, high: float | None) -> str:
    return "-" if median is None or high is None else f"{median:.2f} / {high:.2f}"
