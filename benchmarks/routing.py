"""
How good the cheap signals are: precision, coverage and confusions on tests/data/questions.jsonl.

    .venv/bin/python benchmarks/routing.py [--show] [FILE]

Precision is the share of right ones among those decided, coverage the share decided. Beside them
stands a naive keyword matcher. Exits 1 when the precision on all questions is below 0.97.

`tuning` and `held_out` were split by a hash before there were rules. The parts `looked_at_n` were
written later, without looking at the rules, and measured once before the rules learned from them:

    looked_at_1  196 questions  precision 0.960  coverage 0.515
    looked_at_2  169            0.955            0.663
    looked_at_3  124            0.973            0.605

The last of these says what to expect of new questions; what is printed now says that nothing broke.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from brain.routing.routes import ROUTE_NAMES
from brain.routing.signals import decide

QUESTIONS = Path(__file__).parents[1] / "tests" / "data" / "questions.jsonl"
AT_LEAST = 0.97

NAIVE = (
    ("math", r"\b(solve|calculate|equation|integral|math\w*|sum|percent)\b|\d\s*[-+*/=]"),
    ("simple_code", r"\b(python|javascript|code|function|sql|bash|error|regex)\b"),
    ("complex_code", r"\b(architecture|system|application|refactor|database)\b"),
    ("research", r"\b(search|latest|news|current|price|history)\b"),
    ("reasoning", r"\b(why|should|compare|plan|think|better)\b"),
    ("general", r"\b(hello|hi|thanks|poem|story|translate)\b"),
)
"""What one would write in five minutes; the first that fits decides."""


@dataclass(frozen=True)
class Question:
    """A question and the route a person gave it."""

    text: str
    previous: str | None
    route: str
    lang: str
    part: str


@dataclass(frozen=True)
class Score:
    """How one decider did on some questions."""

    asked: int
    decided: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.decided if self.decided else 1.0

    @property
    def coverage(self) -> float:
        return self.decided / self.asked if self.asked else 0.0


def load(path: Path = QUESTIONS) -> list[Question]:
    """The questions of a file, one JSON object a line."""
    rows = (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip())
    return [
        Question(
            row["text"], row.get("previous"), row["route"], row["lang"], row.get("part", "all")
        )
        for row in rows
    ]


def by_signals(question: Question) -> str | None:
    decided = decide(question.text, question.previous)
    return decided.route if decided else None


def by_keywords(question: Question) -> str | None:
    for route, pattern in NAIVE:
        if re.search(pattern, question.text, re.IGNORECASE):
            return route
    return None


def score(questions: Sequence[Question], decider: Callable[[Question], str | None]) -> Score:
    """Count what `decider` makes of `questions`."""
    answers = [(question.route, decider(question)) for question in questions]
    decided = [(want, got) for want, got in answers if got is not None]
    return Score(len(answers), len(decided), sum(want == got for want, got in decided))


def _row(name: str, questions: Sequence[Question]) -> str:
    ours, naive = score(questions, by_signals), score(questions, by_keywords)
    return (
        f"{name:<14}{ours.asked:>6}{ours.precision:>11.3f}{ours.coverage:>10.3f}"
        f"{naive.precision:>14.3f}{naive.coverage:>10.3f}"
    )


def _confusions(questions: Sequence[Question]) -> str:
    counts = Counter((question.route, by_signals(question) or "-") for question in questions)
    columns = (*ROUTE_NAMES, "-")
    head = f"{'is  decided':<14}" + "".join(f"{name[:11]:>13}" for name in columns)
    rows = (
        f"{route:<14}" + "".join(f"{counts[route, name] or '':>13}" for name in columns)
        for route in ROUTE_NAMES
    )
    return "\n".join([head, *rows])


def _microseconds(questions: Sequence[Question]) -> float:
    began = time.perf_counter()
    for question in questions:
        decide(question.text, question.previous)
    return (time.perf_counter() - began) / len(questions) * 1e6


def main() -> int:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("file", nargs="?", type=Path, default=QUESTIONS)
    options.add_argument("--show", action="store_true", help="print what was decided wrongly")
    options.add_argument("--part", help="print the undecided ones of this part too")
    chosen = options.parse_args()
    questions = load(chosen.file)
    lines = [
        f"{'':<14}{'asked':>6}{'precision':>11}{'coverage':>10}{'naive: prec.':>14}{'cover.':>10}"
    ]
    lines.append(_row("all", questions))
    for key in ("part", "route", "lang"):
        values = sorted({getattr(question, key) for question in questions})
        lines += [_row(one, [q for q in questions if getattr(q, key) == one]) for one in values]
    lines += ["", _confusions(questions), "", f"{_microseconds(questions):.0f} µs a question"]
    sys.stdout.write("\n".join(lines) + "\n")
    for question in questions if chosen.show else ():
        got = by_signals(question)
        if got != question.route and (got or question.part == chosen.part):
            sys.stdout.write(
                f"{question.lang} {question.route} as {got}: {question.text[:150]!r}\n"
            )
    return 0 if score(questions, by_signals).precision >= AT_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
