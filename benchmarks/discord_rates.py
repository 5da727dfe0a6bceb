"""
How often the bot writes to Discord, how late ends come, and how old the text on screen is.

    .venv/bin/python benchmarks/discord_rates.py [--minutes 10] [--channels 20] [--round-trip 0.1]

The real bot in a process of its own, between the stand-in Discord with Discord's limits (five
requests in five seconds a channel, sends and edits counted apart, fifty a second in all), each
message request taking `--round-trip` seconds, and a scripted brain. In most channels one answer
grows at a time, in some four at their own times, in some four that end in the same instant.

The rules, each checked for every kind of channel:

* at most five edits in any five seconds of a channel;
* the end stands there 0.3 s after the brain's `done` at the median, 1.5 s at the most;
* on average text waits no longer than 1.1 times what pacing says: half the time between two edits
  of the same message (`bot.chat.pacing.fair_share_seconds`, for as many answers as grow in the
  channel at that moment) and a round trip;
* no request is refused; every answer ends in exactly one message.

Prints a table, writes `benchmarks/results/discord-<time>.json`; exit status 1 on a broken rule.
"""

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import Any

import anyio
import orjson
from discordbench.measuring import most_within, samples, seen
from discordbench.scene import KINDS, LIMIT, Place, Scene, setting

from bot.chat.pacing import Limit

RESULTS = Path(__file__).resolve().parent / "results"
MEDIAN_LATE_SECONDS = 0.3
MOST_LATE_SECONDS = 1.5
AGE_OVER_RULE = 1.1


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def measured(options: argparse.Namespace) -> dict[str, Any]:
    """The run, and what came of it."""
    async with setting(options.channels, round_trip=options.round_trip, seed=options.seed) as scene:
        async with anyio.create_task_group() as watching:
            watching.start_soon(scene.watch_lag)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(scene.live)
                await anyio.sleep(options.minutes * 60)
                scene.over = True
            watching.cancel_scope.cancel()
        calls = scene.discord.calls
        refused = Counter(f"{one.method} {one.route}" for one in calls if one.status == 429)
        edits = [one.took for one in calls if one.method == "PATCH" and "/messages" in one.route]
        kinds = {kind: of_kind(scene, kind, mean(edits)) for kind in KINDS}
        return {
            "minutes": options.minutes,
            "channels": options.channels,
            "round_trip_seconds": round(mean(edits), 3),
            "requests": len(calls),
            "most_requests_in_a_second": most_within((one.at for one in calls), 1.0),
            "own_lag_max": round(max(scene.lags), 3),
            "refused": dict(refused),
            "unhandled": scene.discord.unhandled,
            "kinds": {kind: facts for kind, facts in kinds.items() if facts},
        }


def of_kind(scene: Scene, kind: str, round_trip: float) -> dict[str, Any]:
    """The numbers of all channels of one kind; empty without any."""
    late: list[float] = []
    ages: list[float] = []
    rules: list[float] = []
    most, lost, doubled, moved = 0, 0, 0, 0
    for place in (one for one in scene.places if one.kind == kind):
        there, deleted = _own(scene, place)
        both = [(play, seen(play, there, deleted)) for play in place.plays]
        most = max(most, most_within(_edits(there, deleted), LIMIT.seconds))
        moved += len(deleted)
        for play, shown in both:
            lost += shown.ended_at is None
            doubled += shown.ends > 1
            if shown.ended_at is not None and play.done_at is not None:
                late.append(shown.ended_at - play.done_at)
        for sample in samples(both, Limit(LIMIT.requests, LIMIT.seconds), round_trip):
            ages.append(sample.age)
            rules.append(sample.rule)
    if not late:
        return {}
    return {
        "answers": len(late) + lost,
        "edits_in_5_s": most,
        "late_p50": round(median(late), 3),
        "late_max": round(max(late), 3),
        "age_mean": round(mean(ages), 3),
        "age_rule": round(mean(rules), 3),
        "lost": lost,
        "doubled": doubled,
        "moved": moved,
    }


def _own(scene: Scene, place: Place) -> tuple[list[Any], list[Any]]:
    there = scene.discord.messages(place.channel, by=scene.discord.bot)
    return there, [one for one in place.channel.deleted if one.author is scene.discord.bot]


def _edits(there: list[Any], deleted: list[Any]) -> list[float]:
    return [version.at for one in [*there, *deleted] for version in one.versions[1:]]


def broken(result: dict[str, Any]) -> list[str]:
    """A sentence for every rule that was broken."""
    found = [f"{count} refused: {what}" for what, count in result["refused"].items()]
    found += [f"unknown to the stand-in: {what}" for what in result["unhandled"]]
    for kind, facts in result["kinds"].items():
        checks = {
            f"{facts['edits_in_5_s']} edits in 5 s": facts["edits_in_5_s"] > LIMIT.requests,
            f"ends {facts['late_p50']} s late (median)": facts["late_p50"] > MEDIAN_LATE_SECONDS,
            f"an end {facts['late_max']} s late": facts["late_max"] > MOST_LATE_SECONDS,
            f"text {facts['age_mean']} s old": facts["age_mean"]
            > AGE_OVER_RULE * facts["age_rule"],
            f"{facts['lost']} lost, {facts['doubled']} doubled": facts["lost"] + facts["doubled"],
        }
        found += [f"{kind}: {what}" for what, wrong in checks.items() if wrong]
    return found


def table(result: dict[str, Any]) -> list[str]:
    """What was measured, a line for each kind of channel."""
    head = (
        f"{'channels with':<42}{'answers':>8}{'edits/5 s':>10}{'late p50':>9}{'late max':>9}"
        f"{'age':>7}{'rule':>7}{'ratio':>7}{'moved':>7}"
    )
    lines = [head]
    for kind, facts in result["kinds"].items():
        ratio = facts["age_mean"] / facts["age_rule"]
        lines.append(
            f"{KINDS[kind]:<42}{facts['answers']:>8}{facts['edits_in_5_s']:>10}"
            f"{facts['late_p50']:>9.2f}{facts['late_max']:>9.2f}{facts['age_mean']:>7.2f}"
            f"{facts['age_rule']:>7.2f}{ratio:>7.2f}{facts['moved']:>7}"
        )
    lines.append(
        f"{result['requests']} requests, {result['most_requests_in_a_second']} in a second at most,"
        f" a round trip {result['round_trip_seconds']:.3f} s,"
        f" refused: {sum(result['refused'].values())};"
        f" this process was late by {result['own_lag_max']:.2f} s at most"
    )
    return lines


def main() -> int:
    """The exit status."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--round-trip", type=float, default=0.1, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    result = anyio.run(measured, options)
    say("\n".join(table(result)))
    wrong = broken(result)
    for sentence in wrong:
        say(f"BROKEN  {sentence}")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")  # noqa: TID251 - names the result
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"discord-{stamp}.json"
    path.write_bytes(orjson.dumps(result | {"broken": wrong}, option=orjson.OPT_INDENT_2))
    say(f"Written: {path}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
