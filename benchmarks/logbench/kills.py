"""Records of six processes while the log server is killed: is each one in the files, once?"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from logbench.servers import free_port, start_ours

SENDERS = 6
LIMIT_SECONDS = 180.0
AWAY_SECONDS = 0.4
NAMED = re.compile(rb'"bench":(\d+),.*?"level":"(\w+)"')
SENDER = """
import sys, structlog
from time import sleep
from shared.log import configure
from shared.log_shipping import LogShipper

port, name, count, pause = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
shipper = LogShipper("127.0.0.1", port, dropped=str)
shipper.start()
configure(f"sender-{name}", level="DEBUG", ship=shipper.put)
log = structlog.get_logger()
for number in range(count):
    say = log.error if number % 10 == 3 else log.debug if number % 10 == 7 else log.info
    say("bench.record", bench=name * count + number, model="rnj-1:8b", queue=3, words="x" * 40)
    if number % 50 == 0:
        sleep(pause)
while shipper.held_bytes:
    sleep(0.01)
"""


@dataclass(frozen=True)
class Outcome:
    """Over all files: records sent, of them missing, and how many stand twice."""

    sent: int
    missing: int
    doubled: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.sent:,} records from {SENDERS} processes in {self.seconds:.1f} s, "
            f"{self.missing} missing, {self.doubled} doubled"
        )


def killed(folder: Path, *, records: int, kills: int) -> Outcome:
    """Send `records` in all; kill -9 the server `kills` times on the way."""
    port, each = free_port(), records // SENDERS
    variables = {"LOG_MAX_BYTES": "1000000", "LOG_BACKUP_COUNT": "1000"}
    server = start_ours(folder, port, core=None, **variables)
    began = monotonic()
    pause = 2.0 * (kills + 1) / (each / 50)
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, f"{port}", f"{name}", f"{each}", f"{pause}"],
            stderr=subprocess.DEVNULL,
        )
        for name in range(SENDERS)
    ]
    try:
        for part in range(1, kills + 1):
            _wait_for(folder, records * part // (kills + 1), senders)
            server.kill()
            server.wait(10)
            sleep(AWAY_SECONDS)
            server = start_ours(folder, port, core=None, **variables)
        for sender in senders:
            sender.wait(LIMIT_SECONDS)
    finally:
        for process in (*senders, server):
            process.terminate()
            process.wait(10)
    return _counted(folder, each, seconds=monotonic() - began)


def _wait_for(folder: Path, lines: int, senders: Sequence[subprocess.Popen[bytes]]) -> None:
    """Until about so many lines are in the files, or the senders have ended."""
    until = monotonic() + LIMIT_SECONDS
    while monotonic() < until and any(one.poll() is None for one in senders):
        if sum(path.stat().st_size for path in folder.glob("*/*.log*")) > lines * 230:
            return
        sleep(0.01)


def _counted(folder: Path, each: int, *, seconds: float) -> Outcome:
    found: dict[str, Counter[int]] = {}
    for path in folder.glob("*/*.log*"):
        kind = path.name.partition(".")[0]
        for line in path.read_bytes().splitlines():
            if match := NAMED.search(line):
                found.setdefault(kind, Counter())[int(match[1])] += 1
    numbers = range(SENDERS * each)
    wanted = {
        "app": [one for one in numbers if one % each % 10 != 7],
        "error": [one for one in numbers if one % each % 10 == 3],
        "debug": [one for one in numbers if one % each % 10 == 7],
    }
    missing = sum(found[kind][one] == 0 for kind, those in wanted.items() for one in those)
    doubled = sum(count - 1 for counts in found.values() for count in counts.values())
    return Outcome(len(numbers), missing, doubled, seconds)
