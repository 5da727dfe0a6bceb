"""
One cell: so many streams against one target for so many seconds, as one JSON object on stdout.

    python -m bench.load --kind http --port 11600 --path /api/chat --model bench:200x50 \\
        --streams 100

Begun staggered over the length of an answer, so that answers do not begin and end all at once.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic, monotonic_ns

import anyio
import orjson

from bench.meter import Cost, Meter
from bench.stamps import pace_of
from bench.streams import HttpStream, SocketStream, Target

CONNECT_SECONDS = 10.0


async def run(options: argparse.Namespace) -> dict[str, object]:
    """The report of the cell."""
    tokens, per_second = pace_of(options.model)
    target = Target(
        port=options.port,
        path=options.path,
        model=options.model,
        tokens=tokens,
        token=options.token,
        greeting=options.kind in ("bot", "people"),
    )
    meter = Meter()
    streams, asks = await _connected(options, target, meter)
    loop, stagger = asyncio.get_running_loop(), tokens / per_second
    for number, ask in enumerate(asks):
        loop.call_later(number * stagger / len(asks), ask)
    await anyio.sleep(stagger + options.warm)
    cost, began = Cost(options.measured, options.ours), monotonic()
    meter.begin()
    await anyio.sleep(options.seconds)
    meter.on = False
    seconds, now = monotonic() - began, monotonic_ns()
    spent = cost.report(meter.tokens)
    # Those still without a first token count with the time they have waited.
    starved = [a for s in streams for a in s.waiting() if a.at >= meter.began_at]
    meter.first_tokens.extend(now - asked.at for asked in starved)
    offered = len(asks) * per_second
    return {**meter.report(seconds), "offered_per_second": offered, **spent}


async def _connected(
    options: argparse.Namespace, target: Target, meter: Meter
) -> tuple[Sequence[HttpStream | SocketStream], list[Callable[[], None]]]:
    if options.kind == "http":
        https = [await _http(target, meter) for _ in range(options.streams)]
        return https, [stream.ask for stream in https]
    people = sys.stdin.read().split() if options.kind == "people" else []
    sockets = [
        await _socket(
            replace(target, token=people[number]) if people else target,
            meter,
            f"bench-{options.run}-{number}",
        )
        for number in range(1 if options.kind == "bot" else options.streams)
    ]
    return sockets, [
        partial(sockets[person % len(sockets)].ask, person) for person in range(options.streams)
    ]


async def _http(target: Target, meter: Meter) -> HttpStream:
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(
        lambda: HttpStream(target, meter), "127.0.0.1", target.port
    )
    return stream


async def _socket(target: Target, meter: Meter, client_id: str) -> SocketStream:
    loop = asyncio.get_running_loop()
    _, stream = await loop.create_connection(
        lambda: SocketStream(target, meter, client_id=client_id), "127.0.0.1", target.port
    )
    with anyio.fail_after(CONNECT_SECONDS):
        await stream.ready
    return stream


def _pids(text: str) -> list[int]:
    return [int(pid) for pid in text.split(",") if pid]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("http", "ws", "bot", "people"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--warm", type=float, default=2.0)
    parser.add_argument("--token", default="")
    parser.add_argument("--run", default="1", help="tells the clients of one run from another's")
    parser.add_argument("--measured", type=_pids, default=[], help="process ids: what is measured")
    parser.add_argument("--ours", type=_pids, default=[], help="process ids: what else is ours")
    report = asyncio.run(run(parser.parse_args()))
    sys.stdout.write(orjson.dumps(report).decode() + "\n")


if __name__ == "__main__":
    main()
