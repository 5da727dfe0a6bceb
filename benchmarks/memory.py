"""
How well memory is used: our planner and our queue against the exact optimum and what others do.

    .venv/bin/python benchmarks/memory.py [--quick] [--part eviction,ordering,pool,timing,pressure]

Traces are synthetic. Policies were tuned on seeds 0 to 2; what is printed uses seeds from 100 on,
"others" are of another structure than those. Ratios are load seconds over the least
possible with all uses known in advance; 1 cannot be reached without knowing the future.

Prints tables and which goals are reached, and writes `benchmarks/results/memory-<time>.json`.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import orjson
from memorybench import eviction, ordering, pool, stalls, timing
from memorybench.verdict import Goal

RESULTS = Path(__file__).parent / "results"
PARTS = ("eviction", "ordering", "pool", "timing", "pressure")
FIRST_SEED = 100


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def measure(parts: list[str], workers: ProcessPoolExecutor, *, quick: bool) -> list[Goal]:
    """Run the parts, print their tables, return their goals."""
    goals: list[Goal] = []
    if "timing" in parts:  # first, while the machine has nothing else to do for us
        goals += timing.goals(quick=quick)
    if "eviction" in parts:
        seeds = range(FIRST_SEED, FIRST_SEED + (1 if quick else 10))
        jobs = list(eviction.jobs(seeds, 1000 if quick else 3000))
        ratios = list(workers.map(eviction.measure, jobs))
        for group in dict.fromkeys(job.group for job in jobs):
            say("\n".join(eviction.rows(ratios, group)) + "\n")
        goals += eviction.goals(ratios)
    if "ordering" in parts:
        seeds = range(FIRST_SEED, FIRST_SEED + (1 if quick else 3))
        count = 500 if quick else 1000
        loads = [ordering.Load(rate, seed, count) for seed in seeds for rate in ordering.RATES]
        outcomes = list(workers.map(ordering.measure, loads))
        say("\n".join(ordering.rows(outcomes)) + "\n")
        goals += ordering.goals(outcomes)
    if "pool" in parts:
        seeds = range(FIRST_SEED, FIRST_SEED + (1 if quick else 5))
        goals += pool.goals(seeds, 600 if quick else 2000)
    if "pressure" in parts:
        goals += stalls.goals()
    return goals


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, short traces; a minute")
    parser.add_argument("--part", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    began = monotonic()
    with ProcessPoolExecutor(options.processes) as workers:
        goals = measure(options.part.split(","), workers, quick=options.quick)
    say("\n".join(str(goal) for goal in goals))
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")  # noqa: TID251 - a file's name
    kept = {"quick": options.quick, "goals": [goal.row() for goal in goals]}
    (RESULTS / f"memory-{at}.json").write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2))
    say(f"\n{monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
