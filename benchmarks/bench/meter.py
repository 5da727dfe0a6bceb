"""What was seen of the tokens, and what it cost the processes that passed them on."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic, monotonic_ns
from typing import Any

import psutil

from bench.stamps import STAMP

MIB = 2**20
NS_PER_MS = 1e6


@dataclass
class Meter:
    """Counts while `on`; times in nanoseconds of the monotonic clock."""

    on: bool = False
    began_at: int = 0
    tokens: int = 0
    answers: int = 0
    short: int = 0
    errors: int = 0
    last_error: str = ""
    first_tokens: "array[int]" = field(default_factory=lambda: array("q"))
    on_the_way: "array[int]" = field(default_factory=lambda: array("q"))

    def begin(self) -> None:
        """From here on everything counts."""
        self.on, self.began_at = True, monotonic_ns()

    def saw(self, data: bytes, now: int) -> tuple[int, int]:
        """The stamps in `data`, read at `now`: how many, and where the last one ends."""
        count = last = 0
        for found in STAMP.finditer(data):
            count, last = count + 1, found.end()
            if self.on:
                self.on_the_way.append(now - int(found[1]))
        if self.on:
            self.tokens += count
        return count, last

    def first(self, asked_at: int, now: int) -> None:
        """The first token of an answer has come; questions from before the window do not count."""
        if self.on and asked_at >= self.began_at:
            self.first_tokens.append(now - asked_at)

    def failed(self, error: str) -> None:
        """An answer did not come."""
        self.errors += self.on
        self.last_error = error[:300]

    def ended(self, seen: int, wanted: int) -> None:
        """An answer is whole; `seen` of `wanted` tokens came."""
        if self.on:
            self.answers += 1
            self.short += seen < wanted

    def report(self, seconds: float) -> dict[str, Any]:
        """Milliseconds and tokens a second."""
        return {
            "tokens_per_second": round(self.tokens / seconds, 1),
            "first_token_p50_ms": _quantile(self.first_tokens, 0.5),
            "first_token_p99_ms": _quantile(self.first_tokens, 0.99),
            "first_tokens": len(self.first_tokens),
            "token_p50_ms": _quantile(self.on_the_way, 0.5),
            "token_p99_ms": _quantile(self.on_the_way, 0.99),
            "answers": self.answers,
            "short_answers": self.short,
            "errors": self.errors,
            "last_error": self.last_error,
        }


class Cost:
    """CPU seconds of groups of processes (with their children) and of the whole machine."""

    def __init__(self, measured: Sequence[int], ours: Sequence[int]) -> None:
        self._measured = [p for pid in measured for p in _family(pid)]
        self._ours = [p for pid in ours for p in _family(pid)] + [psutil.Process()]
        self._began = self._now()

    def report(self, tokens: int) -> dict[str, Any]:
        """Since the beginning; `foreign` is what the rest of the machine used, of one core."""
        (at, measured, ours, machine), began = self._now(), self._began
        seconds, cpu = at - began[0], measured - began[1]
        foreign = machine - began[3] - cpu - (ours - began[2])
        return {
            "cpu_pct": round(cpu / seconds * 100, 1),
            "cpu_us_per_token": round(cpu / tokens * 1e6, 1) if tokens else None,
            "rss_mib": round(sum(p.memory_info().rss for p in self._measured) / MIB, 1),
            "foreign_cpu_pct": round(max(0.0, foreign / seconds * 100), 1),
        }

    def _now(self) -> tuple[float, float, float, float]:
        machine = psutil.cpu_times()
        busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
        return monotonic(), _cpu(self._measured), _cpu(self._ours), busy


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu(processes: Sequence[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (p.cpu_times() for p in processes))


def _quantile(values: Sequence[int], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / NS_PER_MS, 3)
