"""
A soak: the whole platform in real processes, simulated people, and faults at random moments.

    .venv/bin/python benchmarks/soak.py [--minutes 15] [--people 10] [--seed 1]

Brain, auth and the rehearsal with models that take real memory, in a small machine whose GB are
20 MB of ours. People ask over chat sockets and `/v1`, cancel, lose their connections and come back;
meanwhile models and servers die, loads fail, answers break off and hang, unloads are ignored, the
brain is killed, memory is taken by a hog, stalls come and go, operators interfere.

Counted are lost answers (every question ends exactly once), cut answers (the text is known),
violations of the limit for models (by the books and really), and growth of the brain's memory.
Prints a table, writes `benchmarks/results/soak-<time>.json`; exit status 1 on a violation.
"""

import argparse
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Never

import anyio
import anyio.to_thread
from soakbench.callers import Caller
from soakbench.gauges import Gauges
from soakbench.ledger import Ledger
from soakbench.mischief import Mischief
from soakbench.people import Person
from soakbench.platform import HARD_GB, Platform, dumped, running

BENCHMARKS = Path(__file__).resolve().parent
RESULTS = BENCHMARKS / "results"
DRAIN_SECONDS = 240.0
QUIET_SECONDS = 90.0
KILLS = (0.1, 0.22, 0.34, 0.46)
"""Parts of the run at which the brain is killed; the last one lives on, for its memory."""

TOLD_SECONDS = 20.0
TOLD = 20


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def soak(platform: Platform, options: argparse.Namespace) -> dict[str, Any]:
    """The run, and what came of it."""
    rng, ledger = Random(options.seed), Ledger()
    people: list[Person | Caller] = [
        Person(platform, ledger, f"person{n}", Random(rng.random())) for n in range(options.people)
    ]
    bot = Random(rng.random())
    people.append(Person(platform, ledger, "bot", bot, at_once=4, path="/ws/discord"))
    people += [Caller(platform, ledger, f"caller{n}", Random(rng.random())) for n in range(3)]
    gauges, mischief = Gauges(platform), Mischief(platform, Random(rng.random()), calm=options.calm)
    began, seconds = monotonic(), options.minutes * 60
    kills = [began + share * seconds for share in KILLS[: max(1, round(options.minutes))]]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gauges.live)
        tasks.start_soon(_tell, ledger, mischief, gauges)
        async with anyio.create_task_group() as at_work:
            for one in people:
                at_work.start_soon(one.live)
            async with anyio.create_task_group() as trouble:
                trouble.start_soon(mischief.live)
                trouble.start_soon(mischief.kill_brain_at, kills)
                await anyio.sleep(began + seconds - monotonic())
                mischief.over = True
            for one in people:
                one.over = True
            at_work.cancel_scope.deadline = anyio.current_time() + DRAIN_SECONDS
        restless = await _until_quiet(platform)
        tasks.cancel_scope.cancel()
    return _result(ledger, gauges, mischief, restless)


async def _tell(ledger: Ledger, mischief: Mischief, gauges: Gauges) -> Never:
    """A line now and then, so that somebody who watches knows."""
    while True:
        await anyio.sleep(TOLD_SECONDS)
        wrong = len(ledger.wrong) + len(gauges.wrong)
        asks, open_asks = len(ledger.asks), len(ledger.open_asks())
        say(f"{asks:6} asks, {open_asks} open, {mischief.done.total()} faults, {wrong} wrong")


async def _until_quiet(platform: Platform) -> str:
    """Wait until all is as before the faults; what is not, or nothing."""
    why = ""
    with anyio.move_on_after(QUIET_SECONDS):
        while True:
            told = await anyio.to_thread.run_sync(platform.ask_brain, "/vram/status")
            leases = [one["name"] for one in told["loaded_models"] if one["leases"]]
            states = {one["state"] for one in told["loaded_models"]}
            level = told["pressure"]["level"]
            if level == "calm" and not leases and states <= {"ready"} and not told["waiting"]:
                return ""
            why = f"level {level}, leases on {leases}, states {sorted(states)}, {told['waiting']}"
            await anyio.sleep(1)
    return f"{QUIET_SECONDS:g} s after the last answer: {why}"


def _result(ledger: Ledger, gauges: Gauges, mischief: Mischief, restless: str) -> dict[str, Any]:
    lost = [f"{ask.ask_id} ({ask.door}, {ask.model}) never ended" for ask in ledger.open_asks()]
    wrong = [*ledger.wrong, *lost, *gauges.violations(), *([restless] if restless else [])]
    return {
        **ledger.summary(),
        "faults": dict(mischief.done.most_common()),
        "levels": gauges.levels,
        "most_charged_gb": round(gauges.charged_gb, 2),
        "most_taken_gb": round(gauges.real_gb, 2),
        "least_available_gb": round(gauges.platform.machine.lowest_gb, 2),
        "hard_gb": HARD_GB,
        "looks": gauges.looks,
        "brain": gauges.growth(),
        "violations": wrong,
    }


def table(result: dict[str, Any]) -> list[str]:
    """What came of it, a line each."""
    lines = [f"{name:<20} {told}" for name, told in result.items() if name != "violations"]
    return [*lines, *(f"WRONG {one}" for one in result["violations"][:TOLD])]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calm", action="store_true", help="no stalls and no hog: ends sooner")
    parser.add_argument("--folder", type=Path, help="for logs, stores and the result; new")
    return parser.parse_args()


def main() -> None:
    """Exit status 1 on a violation."""
    options = parsed()
    when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")  # noqa: TID251 - names the result
    folder = options.folder or BENCHMARKS.parent / "data" / "bench" / f"soak-{when}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing stays behind
    with running(folder) as platform:
        result = anyio.run(soak, platform, options)
    say("\n".join(table(result)))
    RESULTS.mkdir(exist_ok=True)
    path = folder / "soak.json" if options.folder else RESULTS / f"soak-{when}.json"
    given = {name: getattr(options, name) for name in ("minutes", "people", "seed")}
    path.write_bytes(dumped({"at": when, **given, **result}))
    say(f"\nWritten to {path}.")
    sys.exit(bool(result["violations"]))


if __name__ == "__main__":
    main()
