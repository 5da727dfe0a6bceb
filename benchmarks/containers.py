"""
What the containers cost: image sizes, build and start times, and what they use when idle.

    .venv/bin/python benchmarks/containers.py [--quick] [--idle SECONDS]

Needs a container engine on this machine. Works on a copy of the repository with a project, ports
and volumes of its own, all removed at the end. `--quick` leaves the cold build out and looks at an
idle box for 20 s instead of 120. A cold build makes every layer anew; packages come from the
engine's cache where it has one. Sizes are unpacked, MB of 10^6 bytes; memory is what `docker stats`
says, without page cache; CPU is the share of one core over the idle time, from the control groups.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from installation import SERVICES, Installation, installed  # noqa: E402 - it lies beside the tests

CGROUPS = Path("/sys/fs/cgroup")
SETTLE_SECONDS = 30
MIB = 1024 * 1024
UNITS = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0, "B": 1 / MIB}


@dataclass(frozen=True, slots=True)
class Row:
    """One service."""

    service: str
    image_mb: float
    memory_mib: float
    cpu_percent: float


def cpu_seconds(pid: int) -> float:
    """What the control group of a process has used (cgroup v2 cpu.stat, or v1 cpuacct.usage)."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            usage = CGROUPS / controllers / path.lstrip("/") / "cpuacct.usage"
            return int(usage.read_text()) / 1e9
    group = CGROUPS / path.lstrip("/")
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(stat["usage_usec"]) / 1e6


def memory_mib(here: Installation) -> dict[str, float]:
    """Each service's memory."""
    ids = here.docker(
        "ps", "--quiet", "--filter", f"label=com.docker.compose.project={here.project}"
    )
    listing = here.docker("stats", "--no-stream", "--format", "{{json .}}", *ids.split())
    used = {}
    for line in listing.splitlines():
        told = json.loads(line)
        amount = told["MemUsage"].split(" / ")[0]
        unit = next(unit for unit in UNITS if amount.endswith(unit))
        service = told["Name"].removeprefix(f"{here.project}-").removesuffix("-1")
        used[service] = float(amount.removesuffix(unit)) * UNITS[unit]
    return used


def timed(here: Installation, *command: str) -> float:
    """Seconds a command took. Raises `SystemExit` with what it wrote when it fails."""
    began = monotonic()
    done = here.run(*command, seconds=1800)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return monotonic() - began


def look(here: Installation, *, idle_seconds: float) -> list[Row]:
    """The services of a box nobody uses."""
    sleep(SETTLE_SECONDS)
    pids = {service: here.main_process(service) for service in sorted(SERVICES)}
    before = {service: cpu_seconds(pid) for service, pid in pids.items()}
    sleep(idle_seconds)
    used = {service: cpu_seconds(pid) - before[service] for service, pid in pids.items()}
    memory = memory_mib(here)
    return [
        Row(
            service=service,
            image_mb=int(
                here.docker("image", "inspect", "--format", "{{.Size}}", f"trollama/{service}")
            )
            / 1e6,
            memory_mib=memory[service],
            cpu_percent=100 * used[service] / idle_seconds,
        )
        for service in sorted(SERVICES)
    ]


def measure(here: Installation, *, quick: bool, idle_seconds: float) -> str:
    """The tables, as text."""
    times = {"installation and first start": timed(here, "./start.sh", "--rehearsal")}
    compose = ("docker", "compose", "--profile", "rehearsal")
    if not quick:
        times["cold build, all images"] = timed(here, *compose, "build", "--no-cache", "--quiet")
    times["build, nothing changed"] = timed(here, *compose, "build", "--quiet")
    times["stop, application"] = timed(here, "./stop.sh")
    times["start, application"] = timed(here, "./start.sh", "--rehearsal")
    times["stop, all"] = timed(here, "./stop.sh", "--all")
    times["start, all"] = timed(here, "./start.sh", "--rehearsal")
    rows = look(here, idle_seconds=idle_seconds)
    lines = ["| service | image MB | idle memory MiB | idle CPU % of a core |", "|---|---|---|---|"]
    lines += [
        f"| {one.service} | {one.image_mb:.0f} | {one.memory_mib:.0f} | {one.cpu_percent:.2f} |"
        for one in rows
    ]
    lines += [
        f"| all | – | {sum(one.memory_mib for one in rows):.0f} | "
        f"{sum(one.cpu_percent for one in rows):.2f} |",
        "",
        "| step | seconds |",
        "|---|---|",
        *(f"| {name} | {seconds:.1f} |" for name, seconds in times.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="What the containers cost.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--idle", type=float, help="seconds a box nobody uses is looked at")
    given = parser.parse_args()
    idle_seconds = given.idle or (20.0 if given.quick else 120.0)
    with (
        tempfile.TemporaryDirectory(prefix="trollama-") as folder,
        installed(Path(folder)) as here,
    ):
        print(measure(here, quick=given.quick, idle_seconds=idle_seconds))  # noqa: T201 - the table


if __name__ == "__main__":
    main()
