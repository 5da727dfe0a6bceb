"""What was asked and how it ended, and what is wrong with that."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from rehearsal.replies import SIGN

EXPECTED_CODES = frozenset(
    {
        "chat.cancelled", "queue.full", "vram.breaker_open", "vram.load_failed", "backend.failed",
        "backend.unreachable", "interrupted",
    }
)  # fmt: skip
"""Failures that the injected faults explain; `interrupted` is a `/v1` call when the brain died."""

QUIET_ENDS = ("", "done", "chat.cancelled")


def question(number: int, n: int) -> str:
    """Words whose whole answer is known, the `n`th of its asker."""
    return f"Question {n}: please count to {number}."


def answer(number: int) -> str:
    """All that the models say to `question(number)`."""
    return " ".join(str(n) for n in range(1, number + 1)) + f"\n\n{SIGN}"


@dataclass(slots=True)
class Ask:
    """One question and what came back."""

    ask_id: str
    door: str
    number: int
    sent_at: float
    model: str | None = None
    cancelled: bool = False
    end: str = ""
    """`done`, or the code of the failure; empty while it is open."""

    text: str = ""
    attempt: int = 1
    shown_attempt: int = 1
    shown: str = ""
    saw_all: bool = True
    """No frame was missed, so what was shown must be the text."""

    repeats: int = 0
    seconds: float = 0.0


@dataclass
class Ledger:
    """Every ask of a run."""

    asks: dict[str, Ask] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Violations noticed on the way, a sentence each."""

    def open(self, ask: Ask) -> Ask:
        """It was sent."""
        self.asks[ask.ask_id] = ask
        return ask

    def ended(self, ask: Ask, end: str, text: str = "", attempt: int = 1) -> None:
        """An end arrived; the same one may be told again, another one may not."""
        if ask.end:
            ask.repeats += 1
            if (ask.end, ask.text) != (end, text):
                self.wrong.append(f"{ask.ask_id} ended as {ask.end} and then as {end}")
            return
        ask.end, ask.text, ask.attempt = end, text, attempt
        ask.seconds = monotonic() - ask.sent_at
        if end == "done":
            self._check_text(ask)
        elif end not in EXPECTED_CODES:
            self.wrong.append(f"{ask.ask_id} ({ask.model}) failed with {end}: {text}")

    def _check_text(self, ask: Ask) -> None:
        if ask.text != answer(ask.number):
            self.wrong.append(f"{ask.ask_id} was cut or changed: …{ask.text[-60:]!r}")
        if ask.saw_all and ask.shown and ask.shown.strip() != ask.text:
            self.wrong.append(f"{ask.ask_id} showed something else: …{ask.shown[-60:]!r}")

    def open_asks(self) -> list[Ask]:
        """What has not ended."""
        return [ask for ask in self.asks.values() if not ask.end]

    def summary(self) -> dict[str, Any]:
        """Counts and times of the whole run."""
        done = [ask for ask in self.asks.values() if ask.end == "done"]
        seconds = sorted(ask.seconds for ask in done)
        return {
            "asks": len(self.asks),
            "doors": dict(Counter(ask.door for ask in self.asks.values())),
            "ends": dict(Counter(ask.end or "none" for ask in self.asks.values())),
            "failures": dict(
                Counter(a.text for a in self.asks.values() if a.end not in QUIET_ENDS).most_common(
                    8
                )
            ),
            "lost": len(self.open_asks()),
            "retried": sum(ask.attempt > 1 for ask in done),
            "told_again": sum(ask.repeats for ask in self.asks.values()),
            "seconds_p50": _share(seconds, 0.5),
            "seconds_p99": _share(seconds, 0.99),
        }


def _share(ordered: list[float], share: float) -> float | None:
    return round(ordered[int(share * (len(ordered) - 1))], 2) if ordered else None
