"""
The log server beside rsyslog, and what kills cost.

    .venv/bin/python benchmarks/logs.py [--quick]

Both take the same 230-byte records over four connections on one core and write the same three
files (errors stand in two of them); ours parses every line, rsyslog looks for two words in it. What
is compared is CPU time a line, in turns, the median of the rounds. `numbered` records are
acknowledged and never doubled (decision 19); rsyslog has nothing like it over plain TCP. Then six
processes log while the server is killed twice with SIGKILL. Exits 1 when an aim is missed.
"""

import argparse
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import orjson
import psutil
from logbench.kills import killed
from logbench.servers import RSYSLOG, free_port, ours, rsyslog

CONNECTIONS = 4
LEVELS = ["info"] * 7 + ["debug", "warning", "error"]
ON_FILE_SECONDS = 60.0
AIM = 1.2
Server = Callable[[Path, int], AbstractContextManager[int]]


@dataclass(frozen=True)
class Round:
    """One server, once."""

    lines: int
    stored: int
    cpu_seconds: float
    seconds: float
    rss_mib: float

    @property
    def us_a_line(self) -> float:
        """CPU time in microseconds."""
        return self.cpu_seconds / self.lines * 1e6


def say(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def records(connection: int, *, numbered: bool) -> Iterator[bytes]:
    """An endless stream of records like those of the brain."""
    number = 0
    while True:
        number += 1
        record: dict[str, object] = {
            "timestamp": f"2026-11-20T18:00:00.{number % 1_000_000:06d}Z",
            "level": LEVELS[number % 10],
            "service": "fastapi-service",
            "event": "route.chosen",
            "message": "route.chosen",
            "request_id": f"{number:032x}",
            "route": "simple_code",
            "model": "rnj-1:8b",
            "cause": "signals",
        }
        if numbered:
            record |= {"log_sender": f"bench{connection}", "log_number": number}
        yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def pushed(port: int, data: list[bytes], *, numbered: bool) -> None:
    """Send everything from as many threads as there are connections; return when it is taken."""

    def push(lines: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            reader = threading.Thread(target=drain, args=(connection,))
            if numbered:
                reader.start()
            connection.sendall(lines)
            connection.shutdown(socket.SHUT_WR)
            if numbered:
                reader.join()

    def drain(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass

    threads = [threading.Thread(target=push, args=(one,)) for one in data]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measured(server: Server, data: list[bytes], *, numbered: bool = False) -> Round:
    """One round: until every line is on file."""
    lines = sum(one.count(b"\n") for one in data)
    errors = sum(one.count(b'"level":"error"') for one in data)
    size = sum(map(len, data))
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with server(Path(folder), port) as pid:
            process = psutil.Process(pid)
            before, began = process.cpu_times(), monotonic()
            pushed(port, data, numbered=numbered)
            while bytes_on_file(Path(folder)) < size and monotonic() - began < ON_FILE_SECONDS:
                sleep(0.01)
            seconds, after = monotonic() - began, process.cpu_times()
            rss = process.memory_info().rss / 2**20
        stored = sum(path.read_bytes().count(b"\n") for path in Path(folder).glob("*/*.log*"))
    cpu = after.user + after.system - before.user - before.system
    return Round(lines, stored - errors, cpu, seconds, rss)


def bytes_on_file(folder: Path) -> int:
    """Of the records alone: an error stands in two files, so error.log does not count."""
    names = ("app.log*", "debug.log*")
    return sum(path.stat().st_size for name in names for path in folder.glob(f"*/{name}"))


def our_server(folder: Path, port: int) -> AbstractContextManager[int]:
    """One file a day, as rsyslog is told to write it."""
    return ours(folder, port, LOG_MAX_BYTES="0")


def rotating(folder: Path, port: int) -> AbstractContextManager[int]:
    """As it comes: 10 MB a file; all of them kept, so that they can be counted."""
    return ours(folder, port, LOG_BACKUP_COUNT="1000")


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, one round")
    quick = parser.parse_args().quick
    each, rounds = (25_000, 1) if quick else (250_000, 3)

    def made(*, numbered: bool) -> list[bytes]:
        return [
            b"".join(islice(records(one, numbered=numbered), each)) for one in range(CONNECTIONS)
        ]

    plain, numbered = made(numbered=False), made(numbered=True)
    servers: dict[str, Callable[[], Round]] = {
        "trollama": lambda: measured(our_server, plain),
        "trollama, rotating": lambda: measured(rotating, plain),
        "trollama, numbered": lambda: measured(rotating, numbered, numbered=True),
    }
    if RSYSLOG:
        servers["rsyslog"] = lambda: measured(rsyslog, plain)
    else:
        say("rsyslog is not installed; nothing to compare with.")
    results: dict[str, list[Round]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, run in servers.items():
            results[name].append(run())
    say(f"{'server':<22}{'us CPU/line':>12}{'lines/s/core':>14}{'lines/s':>12}{'MiB':>7}  on file")
    for name, found in results.items():
        cost = median(one.us_a_line for one in found)
        pace = median(one.lines / one.seconds for one in found)
        on_file = min(one.stored for one in found)
        say(
            f"{name:<22}{cost:>12.2f}{1e6 / cost:>14,.0f}{pace:>12,.0f}"
            f"{max(one.rss_mib for one in found):>7.0f}  {on_file:,} of {found[0].lines:,}"
        )
    reached = True
    if RSYSLOG:
        costs = {name: median(one.us_a_line for one in found) for name, found in results.items()}
        for name in servers:
            if name != "rsyslog":
                ratio = costs["rsyslog"] / costs[name]
                good = ratio >= AIM
                reached = reached and (good or name != "trollama")
                say(f"{name}: {ratio:.2f} x rsyslog per core (aim {AIM})")
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(Path(folder), records=20_000 if quick else 200_000, kills=2)
    say(f"two kills -9: {outcome}")
    return 0 if reached and not outcome.missing and not outcome.doubled else 1


if __name__ == "__main__":
    sys.exit(main())
