"""
What a streamed answer costs on a web page: our component beside `st.write_stream`.

    .venv/bin/python benchmarks/web.py [--quick]

One page with three old turns, one brain, one model server that writes 4.5 characters a token, 50
times a second; real browsers (Chromium) ask, one and then several at a time, by the one way and by
the other, in turns. Counted from the click to the finished answer: CPU of the Streamlit process,
of the brain and of the browser (all its processes) per token, and the payload of all WebSocket
frames each browser received, from Streamlit and from the brain. Only the last part of the page is
different: the component, which reads the brain's socket itself, or `st.write_stream`, fed by a lean
client of the same socket in the page's thread.

Both pages run without Streamlit's collection of garbage after each run, which costs more than a
run of the page itself.

Aims: CPU of the Streamlit process at most 1/5, bytes at most 1/10 of `st.write_stream`. The brain
does the same for both ways; its share is shown, and so is the browser's.
Prints a table and writes `benchmarks/results/web-<time>.json`; exit status 1 when an aim is missed.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from time import monotonic, sleep
from typing import Any

import orjson
import psutil
from bench.processes import OTHER_CPU, Stage, Started, can_pin
from bench.targets import BENCHMARKS
from playwright.sync_api import Browser
from webbench import platform, table
from webbench.browsers import NoBrowser, Person, browser, processes, sit_down
from webbench.platform import Platform

RESULTS = BENCHMARKS / "results"
WAYS = ("write_stream", "component")
SPARE_SECONDS = 60.0
SETTLE_SECONDS = 1.0


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def cell(
    found: Browser, site: Platform, *, way: str, people: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Everybody asks once, a little apart; what that cost."""
    sitting = [sit_down(found, site.url, way=way, number=number) for number in range(people)]
    sleep(SETTLE_SECONDS)
    before = [one.received.counts() for one in sitting]
    groups = {
        "streamlit": _family(site.streamlit),
        "brain": _family(site.brain),
        "browser": processes(),
    }
    cpu, began = {name: _cpu(group) for name, group in groups.items()}, monotonic()
    _all_ask(sitting, limit=options.tokens / options.per_second + SPARE_SECONDS)
    seconds = monotonic() - began
    spent = {name: _cpu(group) - cpu[name] for name, group in groups.items()}
    received = [
        [now - then for now, then in zip(one.received.counts(), old, strict=True)]
        for one, old in zip(sitting, before, strict=True)
    ]
    for one in sitting:
        one.page.context.close()
    tokens = people * options.tokens
    by_streamlit, frames, by_brain, brain_frames = (
        round(median(column)) for column in zip(*received, strict=True)
    )
    return {
        "way": way, "people": people, "tokens": options.tokens, "seconds": round(seconds, 2),
        **{f"{name}_us_per_token": round(used / tokens * 1e6, 1) for name, used in spent.items()},
        "streamlit_bytes": by_streamlit, "streamlit_frames": frames,
        "brain_bytes": by_brain, "brain_frames": brain_frames,
    }  # fmt: skip


def _all_ask(sitting: Sequence[Person], *, limit: float) -> None:
    for one in sitting:
        one.ask()
    for one in sitting:
        one.wait(limit)


def _family(started: Started) -> list[psutil.Process]:
    process = psutil.Process(started.pid)
    return [process, *process.children(recursive=True)]


def _cpu(group: Sequence[psutil.Process]) -> float:
    total = 0.0
    for process in group:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def measured(options: argparse.Namespace, stage: Stage) -> list[dict[str, Any]]:
    """All cells; the first answer of each way is not counted (lazy imports, caches)."""
    site = platform.start(
        stage,
        tokens=options.tokens,
        per_second=options.per_second,
        people=max(options.people),
    )
    cells: list[dict[str, Any]] = []
    with browser() as found:
        for way in WAYS:
            cell(found, site, way=way, people=1, options=options)
        say(table.HEAD)
        for people in options.people:
            for number in range(options.rounds):
                for way in WAYS:
                    one = cell(found, site, way=way, people=people, options=options)
                    cells.append(one | {"round": number})
                    say(table.row(one))
    return cells


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one person, 500 tokens, one round")
    parser.add_argument("--tokens", type=int, default=0, help="of an answer")
    parser.add_argument("--per-second", type=int, default=50, help="tokens a second")
    parser.add_argument("--people", default="", help="at the same time, for example 1,4")
    parser.add_argument("--rounds", type=int, default=0, help="how often, the ways in turns")
    options = parser.parse_args()
    options.tokens = options.tokens or (500 if options.quick else 800)
    options.people = [
        int(n) for n in (options.people or ("1" if options.quick else "1,4")).split(",")
    ]
    options.rounds = options.rounds or (1 if options.quick else 2)
    return options


def main() -> None:
    """Exit status 1 when an aim is missed."""
    options = parsed()
    if can_pin():
        os.sched_setaffinity(0, {OTHER_CPU})  # browsers stay off the CPU of what is measured
    when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")  # noqa: TID251 - names the result
    try:
        with Stage(BENCHMARKS.parent / "data" / "bench" / f"web-{when}") as stage:
            cells = measured(options, stage)
    except NoBrowser as missing:
        say(f"{missing}")
        sys.exit(2)
    verdicts = table.verdicts(cells)
    say()
    say("\n".join(line for line, _ in verdicts))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"web-{when}.json"
    path.write_bytes(orjson.dumps({"at": when, "cells": cells}, option=orjson.OPT_INDENT_2))
    say(f"\nWritten to {path.relative_to(BENCHMARKS.parent)}.")
    sys.exit(not all(reached for _, reached in verdicts))


if __name__ == "__main__":
    main()
