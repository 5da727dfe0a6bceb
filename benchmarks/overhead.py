"""
What the whole path of a message costs beside calling the model server directly.

    .venv/bin/python benchmarks/overhead.py [--quick] [--peers litellm,openwebui]

One model server that costs almost nothing, and in front of it, one after the other: nothing, the
floor relay, the whole brain (signed in, admitted, durable, leased, through a Strands agent, out of
the outbox; the model is pinned, so no routing model speaks), and other gateways. What is measured
has one CPU, the model server and the load generator the other. 1, 10, 100 and 500 streams ask again
as soon as they are answered: 200 tokens at 50 a second (a single stream 20 at 200 a second).

Prints a table and writes `benchmarks/results/overhead-<time>.json`. `foreign` is the CPU that the
rest of the machine used meanwhile; a cell measured beside much of it is measured again, and the
quietest try counts.
"""

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

import orjson
from bench import peers, targets
from bench.processes import ENVIRONMENT, OTHER_CPU, Stage, call, can_pin, pinned
from bench.table import rows_of, verdicts
from bench.targets import BENCHMARKS, FAST, SLOW, Begin, Running, Scene

OWN: dict[str, Begin] = {
    "direct": targets.direct,
    "floor relay": targets.floor,
    "brain, one bot": targets.bot,
    "brain, people": targets.people,
}
RESULTS = BENCHMARKS / "results"
DRAIN_SECONDS = 20.0
CELL_SECONDS = 120.0
QUIET_PCT = 15.0


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def measure(scene: Scene, running: Running, streams: int, options: argparse.Namespace) -> Any:
    """One cell: the quietest of a few tries."""
    best: dict[str, Any] | None = None
    for attempt in range(options.tries):
        cell = _cell(scene, running, streams, options, run=f"{streams}-{attempt}")
        _drain(scene)
        if best is None or cell["foreign_cpu_pct"] < best["foreign_cpu_pct"]:
            best = cell
        if best["foreign_cpu_pct"] <= QUIET_PCT:
            break
    return best


def _cell(
    scene: Scene, running: Running, streams: int, options: argparse.Namespace, *, run: str
) -> dict[str, Any]:
    measured = ",".join(f"{one.pid}" for one in running.measured)
    ours = ",".join(f"{one.pid}" for one in scene.stage.running if one not in running.measured)
    command = [
        *pinned(OTHER_CPU, options.nice), sys.executable, "-m", "bench.load",
        "--kind", running.kind, "--port", f"{running.port}", "--path", running.path,
        "--model", FAST if streams == 1 else SLOW, "--streams", f"{streams}",
        "--seconds", f"{options.seconds}", "--run", run, f"--token={running.token}",
        "--measured", measured, "--ours", ours,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        input="\n".join(running.tokens).encode(),
        capture_output=True,
        timeout=CELL_SECONDS + options.seconds,
        env=ENVIRONMENT | {"PYTHONPATH": f"{BENCHMARKS}"},
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace")[-1500:])
    cell: dict[str, Any] = orjson.loads(done.stdout)
    return cell | {"streams": streams}


def _drain(scene: Scene) -> None:
    """Wait until the model server generates nothing any more."""
    began = monotonic()
    while monotonic() - began < DRAIN_SECONDS:
        if not call(f"{scene.backend_url}/streams")["streams"]:
            return
        sleep(0.1)


def measure_target(
    scene: Scene, name: str, begin: Begin, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """All cells of one target, told as they come."""
    before = len(scene.stage.running)
    running = begin(scene)
    cells = []
    try:
        for streams in options.streams:
            cell = measure(scene, running, streams, options) | {"target": name}
            if running.measured and running.measured[0] is not scene.backend:
                cell["start_seconds"] = running.measured[0].ready_seconds
            cells.append(cell)
            say(rows_of([cell], cells)[-1])
    finally:
        for started in reversed(scene.stage.running[before:]):
            scene.stage.stop(started)
    return cells


def chosen(options: argparse.Namespace) -> dict[str, Begin]:
    """Our own targets and the peers that were asked for and can be had."""
    found = {n: b for n, b in OWN.items() if not options.only or options.only in n or n == "direct"}
    for name in filter(None, options.peers.split(",")):
        peer = peers.PEERS[name]
        try:
            peer.install()
        except (peers.NotInstalled, subprocess.TimeoutExpired) as reason:
            say(f"{name} is left out: {reason}")
            continue
        found[name] = peer.begin
    return found


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="1 and 100 streams, 3 s each")
    parser.add_argument("--peers", default="", help="litellm, openwebui; installed when missing")
    parser.add_argument("--only", default="", help="own targets whose name holds this")
    parser.add_argument("--streams", default="", help="for example 1,10,100,500")
    parser.add_argument("--seconds", type=float, default=0, help="length of a cell's window")
    parser.add_argument("--tries", type=int, default=0, help="tries for a quiet machine")
    parser.add_argument("--nice", type=int, default=0, help="for a shared machine, as root: -10")
    options = parser.parse_args()
    options.streams = [
        int(n)
        for n in (options.streams or ("1,100" if options.quick else "1,10,100,500")).split(",")
    ]
    options.seconds = options.seconds or (3.0 if options.quick else 6.0)
    options.tries = options.tries or (1 if options.quick else 3)
    return options


def main() -> None:
    """Exit status 1 when a cell of ours lost an answer."""
    options = parsed()
    if not can_pin():
        say("There are no two CPUs to keep apart here: the figures include waiting for each other.")
    when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")  # noqa: TID251 - names the result
    cells: list[dict[str, Any]] = []
    with Stage(BENCHMARKS.parent / "data" / "bench" / f"run-{when}", nice=options.nice) as stage:
        scene = targets.start_backend(stage)
        for name, begin in chosen(options).items():
            cells += measure_target(scene, name, begin, options)
    say()
    say("\n".join(rows_of(cells, cells)))
    say()
    say("\n".join(verdicts(cells)))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"overhead-{when}.json"
    path.write_bytes(orjson.dumps({"at": when, "cells": cells}, option=orjson.OPT_INDENT_2))
    say(f"\nWritten to {path.relative_to(BENCHMARKS.parent)}.")
    own = [cell for cell in cells if cell["target"] in OWN]
    sys.exit(any(cell["errors"] or cell["short_answers"] for cell in own))


if __name__ == "__main__":
    main()
