"""Other programs take the memory: models leave as needed, nobody loses an answer, and it ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import psutil
import pytest

from small_machine import SmallMachine, children

ROSTER = {
    "gpt-oss:20b": 13.0,
    "rnj-1:8b": 5.1,
    "ministral-3:14b": 9.1,
    "devstral-small-2:24b": 15.0,
    "deepseek-ocr:3b": 6.7,
    "qwen3-embedding:4b": 2.5,
}
LOW = {"deepseek-ocr:3b", "qwen3-embedding:4b"}
IDLE_NORMAL = {"ministral-3:14b", "devstral-small-2:24b"}
IN_USE = "rnj-1:8b"
PROTECTED = "gpt-oss:20b"
MB_PER_GB = 20.0
TOTAL_GB = 90.0
RESERVE_GB = 0.05 * TOTAL_GB
HOG_GB = 50.0
"""Beside it there is room when the LOW models and one idle NORMAL one are gone, not before."""

COUNT = 2000
OOM_KILLS = "oom_kill "


def script(folder: Path, *, mb_per_gb: float) -> Path:
    """The models of this test, one of them slow to speak."""
    lines = [f"real_memory_mb_per_gb = {mb_per_gb}"]
    for name, size_gb in ROSTER.items():
        what = "embedding" if "embedding" in name else "completion"
        lines += [
            "[[models]]", f'name = "{name}"', f"size_gb = {size_gb}", f'capabilities = ["{what}"]',
            f"tokens_per_second = {1.5 if name == IN_USE else 100}",
        ]  # fmt: skip
    lines += ["[ollama]", "memory_gb = 200", "max_loaded = 8"]
    path = folder / "script.toml"
    path.write_text("\n".join(lines))
    return path


def start(box: Any, machine_files: dict[str, str], *, mb_per_gb: float) -> None:
    box.settings |= {
        "VRAM_PROFILE": "balanced", "VRAM_SOFT_LIMIT_GB": "70", "VRAM_HARD_LIMIT_GB": "70",
    } | machine_files  # fmt: skip
    box.start(
        "rehearsal", "--ollama-port", str(box.ports["ollama"]), "--openai-port",
        str(box.ports["openai"]), "--speed", "20", "--script",
        str(script(box.folder, mb_per_gb=mb_per_gb)), live="/",
    )  # fmt: skip
    box.start("auth")
    box.start("brain")


async def status(box: Any) -> Any:
    return await anyio.to_thread.run_sync(box.call, f"{box.url}/vram/status")


async def command(box: Any, path: str) -> Any:
    def post() -> Any:
        return box.call(f"{box.url}{path}", method="POST", bearer=box.secrets["SERVICE_TOKEN"])

    return await anyio.to_thread.run_sync(post)


async def until(box: Any, holds: Callable[[Any], bool], *, seconds: float) -> Any:
    told = await status(box)
    deadline = monotonic() + seconds
    while not holds(told):
        assert monotonic() < deadline, told
        await anyio.sleep(0.2)
        told = await status(box)
    return told


def names(told: Any) -> set[str]:
    return {one["name"] for one in told["loaded_models"]}


def victims(told: Any) -> list[str]:
    """Who left for pressure, the first first."""
    rows = [one for one in reversed(told["decisions"]) if one["kind"] == "pressure"]
    return [name for one in rows for name in one["victims"]]


def oom_kills() -> int:
    """Processes this machine's kernel has killed for want of memory, since it started."""
    rows = Path("/proc/vmstat").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(OOM_KILLS))


@pytest.fixture
def machine(box: Any) -> Iterator[SmallMachine]:
    def pids() -> list[int]:
        rehearsal = box.processes.get("rehearsal")
        return [] if rehearsal is None else [one.pid for one in children(rehearsal.pid)]

    with SmallMachine(box.folder, TOTAL_GB, MB_PER_GB, pids).running() as machine:
        yield machine


def stalls_can_be_raised(machine: SmallMachine) -> bool:
    """Whether the kernel tells the stalls of a group, apart from whatever else runs here."""
    return machine.group is not None


@pytest.mark.live  # a minute or two of real time: levels and their ends last that long
@pytest.mark.timeout(240)
async def test_a_hog_drives_out_as_many_models_as_needed_and_all_is_well_when_it_leaves(
    box: Any, machine: SmallMachine
) -> None:
    kills = oom_kills()
    start(
        box,
        {"MEMINFO_FILE": str(machine.meminfo), "PRESSURE_FILE": str(machine.pressure)},
        mb_per_gb=MB_PER_GB,
    )
    for model in ROSTER:
        await command(box, f"/vram/load/{model}")
    born = {one.pid: one for one in children(box.processes["rehearsal"].pid)}
    assert len(born) == len(ROSTER)
    async with box.bot() as client:
        await client.hello("bot")
        asked = await client.ask(f"count to {COUNT}", options={"model": IN_USE})
        await client.until(lambda frame: frame["type"] == "delta")
        hog = machine.hog(HOG_GB)
        worst = 0.0

        def gone(told: Any) -> bool:
            nonlocal worst
            worst = max(worst, machine.full_avg10())
            return len(victims(told)) == 3 and len(told["loaded_models"]) == 3

        told = await until(box, gone, seconds=90)
        assert hog.stdout is not None
        assert await anyio.to_thread.run_sync(hog.stdout.readline) == b"full\n"
        await anyio.sleep(3)
        told = await status(box)
        left = victims(told)
        assert set(left[:2]) == LOW
        assert len(left) == 3
        assert left[2] in IDLE_NORMAL
        assert names(told) == set(ROSTER) - set(left)
        assert {IN_USE, PROTECTED} <= names(told)
        assert told["pressure"]["level"] == "crit"
        assert not client.of(asked, "done")
        if stalls_can_be_raised(machine):
            assert worst > 15
        machine.dismiss(hog)
        alive = [pid for pid, one in born.items() if one.is_running()]
        assert len(alive) == 3
        done = await client.end_of(asked)
        assert (done["type"], done["attempt"]) == ("done", 1)
        assert done["text"].split()[:COUNT] == [str(n) for n in range(1, COUNT + 1)]
        told = await until(box, lambda told: told["pressure"]["level"] == "calm", seconds=90)
        low = await client.end_of(
            await client.ask("hello", conversation_id="2", options={"model": "deepseek-ocr:3b"})
        )
        assert low["type"] == "done"
    told = await status(box)
    assert victims(told) == left
    assert [one for one in told["decisions"] if one["kind"] == "crash"] == []
    assert machine.lowest_gb > 0
    assert oom_kills() == kills


def write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def meminfo(folder: Path, available_gb: float) -> None:
    kib = 1e9 / 1024
    write(
        folder / "meminfo",
        f"MemTotal: {int(128 * kib)} kB\nMemAvailable: {int(available_gb * kib)} kB\n",
    )


def pressure(folder: Path, full: float) -> None:
    write(
        folder / "pressure",
        f"some avg10={full:.2f} avg60=0.00 avg300=0.00 total=0\n"
        f"full avg10={full:.2f} avg60=0.00 avg300=0.00 total=0\n",
    )


async def test_plain_files_in_the_place_of_the_kernels_are_believed(box: Any) -> None:
    folder = box.folder
    meminfo(folder, 60)
    pressure(folder, 0)
    write(folder / "vmstat", "pgscan_direct 0\n")
    files = {"MEMINFO_FILE": "meminfo", "PRESSURE_FILE": "pressure", "VMSTAT_FILE": "vmstat"}
    start(box, {name: str(folder / file) for name, file in files.items()}, mb_per_gb=0)
    loaded = [PROTECTED, "ministral-3:14b", "qwen3-embedding:4b"]
    for model in loaded:
        await command(box, f"/vram/load/{model}")
    pressure(folder, 40)
    await anyio.sleep(2)
    assert names(await status(box)) == set(loaded)  # stalls alone are not believed
    pressure(folder, 12)
    meminfo(folder, 10)
    told = await until(box, lambda told: len(told["loaded_models"]) < 3, seconds=8)
    assert told["pressure"]["level"] == "warn"
    assert "12 %" in told["pressure"]["reason"]
    assert victims(told) == ["qwen3-embedding:4b"]
    pressure(folder, 20)
    meminfo(folder, 5)
    told = await until(box, lambda told: len(told["loaded_models"]) < 2, seconds=20)
    assert told["pressure"]["level"] == "crit"
    assert victims(told) == ["qwen3-embedding:4b", "ministral-3:14b"]
    assert names(told) == {PROTECTED}
    assert told["memory"]["psi_full_avg10"] == 20
    assert psutil.pid_exists(box.processes["brain"].pid)
