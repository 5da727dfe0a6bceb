"""When samples are taken, what is in them, and what the log says."""

import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from structlog.testing import capture_logs

from brain.vram.memory import watch as watching
from brain.vram.memory.nvidia import Nvidia
from brain.vram.memory.psi import PsiTriggers, open_triggers
from brain.vram.memory.sample import MemorySample
from brain.vram.memory.watch import PRESSURE, MemoryFiles, MemoryWatch, never
from shared.clock import ManualClock, SystemClock

MEMINFO = "MemTotal: 100000000 kB\nMemAvailable: 50000000 kB\n"
PSI = (
    "some avg10=1.00 avg60=0.00 avg300=0.00 total=0\n"
    "full avg10=2.00 avg60=0.00 avg300=0.00 total=0\n"
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def files(tmp_path: Path) -> MemoryFiles:
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "pressure").write_text(PSI)
    (tmp_path / "vmstat").write_text("pgscan_direct 3\n")
    return MemoryFiles(tmp_path / "meminfo", tmp_path / "pressure", tmp_path / "vmstat")


@asynccontextmanager
async def running(
    watch: MemoryWatch, loading: Callable[[], bool] = never
) -> AsyncIterator[list[MemorySample]]:
    """The samples posted while the watch runs."""
    samples: list[MemorySample] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run, samples.append, loading)
        yield samples
        tasks.cancel_scope.cancel()


def gpu_of(free: Callable[[], int]) -> Nvidia:
    return Nvidia(
        SimpleNamespace(
            NVMLError=OSError,
            NVMLError_NotSupported=KeyError,
            nvmlDeviceGetCount=lambda: 1,
            nvmlDeviceGetHandleByIndex=lambda index: index,
            nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=8 * 10**9, free=free()),
        )
    )


def test_plain_files_are_believed(clock: ManualClock, files: MemoryFiles) -> None:
    sample = MemoryWatch(clock=clock, files=files).read()
    assert (sample.total_gb, sample.available_gb) == (102.4, 51.2)
    assert sample.psi is not None
    assert (sample.psi.some_avg10, sample.psi.full_avg10) == (1.0, 2.0)
    assert (sample.refaults, sample.kind, sample.problem) == (3, "unknown", "")
    assert sample.at == clock.now()


@pytest.mark.skipif(not PRESSURE.exists(), reason="needs a kernel with pressure information")
def test_the_machines_own_files_can_be_read() -> None:
    sample = MemoryWatch(clock=SystemClock()).read()
    assert sample.problem == ""
    assert sample.total_gb is not None
    assert sample.available_gb is not None
    assert 0 < sample.available_gb < sample.total_gb
    assert sample.psi is not None
    assert 0 <= sample.psi.full_avg10 <= sample.psi.some_avg10 <= 100
    assert sample.refaults is not None


async def test_it_looks_once_a_second(clock: ManualClock, files: MemoryFiles) -> None:
    async with running(MemoryWatch(clock=clock, files=files)) as samples:
        await clock.advance(3)
    assert [sample.at - samples[0].at for sample in samples] == [0, 1, 2, 3]


async def test_and_ten_times_a_second_while_a_model_loads(
    clock: ManualClock, files: MemoryFiles
) -> None:
    loading = False
    async with running(MemoryWatch(clock=clock, files=files), lambda: loading) as samples:
        await clock.advance(0.5)
        loading = True
        await clock.advance(0.75)
        loading = False
        await clock.advance(1.5)
    looks = [round(one.at - samples[0].at, 2) for one in samples]
    assert looks == [0, 1, 1.1, 1.2, 1.3, 2.3]


async def test_a_changed_file_is_seen_with_the_next_look(
    clock: ManualClock, files: MemoryFiles
) -> None:
    async with running(MemoryWatch(clock=clock, files=files)) as samples:
        await clock.advance(1)
        files.pressure.write_text(PSI.replace("avg10=2.00", "avg10=33.00"))
        await clock.advance(1)
    assert [one.psi.full_avg10 for one in samples if one.psi] == [2.0, 2.0, 33.0]


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("meminfo", {"total_gb", "available_gb"}),
        ("pressure", {"psi"}),
        ("vmstat", {"refaults"}),
    ],
)
def test_what_cannot_be_read_is_unknown_and_the_rest_is_not(
    clock: ManualClock, files: MemoryFiles, name: str, unknown: set[str]
) -> None:
    path: Path = getattr(files, name)
    path.unlink()
    sample = MemoryWatch(clock=clock, files=files).read()
    fields = ("total_gb", "available_gb", "psi", "refaults")
    assert {field for field in fields if getattr(sample, field) is None} == unknown
    assert str(path) in sample.problem


def test_the_log_says_when_a_fact_is_lost_and_found_and_nothing_between(
    clock: ManualClock, files: MemoryFiles
) -> None:
    watch = MemoryWatch(clock=clock, files=files)
    with capture_logs() as logs:
        watch.read()
        files.meminfo.write_text("")
        for _ in range(10):
            watch.read()
        files.meminfo.unlink()
        watch.read()
        files.meminfo.write_text(MEMINFO)
        for _ in range(10):
            watch.read()
    assert [(one["event"], one["source"]) for one in logs] == [
        ("memory.unknown", "meminfo"),
        ("memory.known", "meminfo"),
    ]


def test_the_limit_of_our_control_group_counts_where_it_is_smaller(
    clock: ManualClock, files: MemoryFiles, tmp_path: Path
) -> None:
    groups = tmp_path / "cgroup"
    for folder, limit, usage in (
        (groups, "memory.max", "memory.current"),
        (groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        folder.mkdir()
        (folder / limit).write_text("8000000000\n")
        (folder / usage).write_text("2000000000\n")
        (folder / "memory.stat").write_text("anon 1\n")
    within = MemoryFiles(files.meminfo, files.pressure, files.vmstat, cgroups=groups)
    sample = MemoryWatch(clock=clock, files=within).read()
    assert (sample.total_gb, sample.available_gb) == (8.0, 6.0)
    files.meminfo.write_text("MemTotal: 7000000 kB\nMemAvailable: 1000000 kB\n")
    sample = MemoryWatch(clock=clock, files=within).read()
    assert (sample.total_gb, sample.available_gb) == (7.168, 1.024)


async def test_the_accelerator_is_asked_beside_the_loop(
    clock: ManualClock, files: MemoryFiles
) -> None:
    asked, frees = threading.Event(), iter([5 * 10**9])

    def free() -> int:
        if (first := next(frees, None)) is not None:
            return first
        asked.set()
        return 3 * 10**9

    async with running(MemoryWatch(clock=clock, files=files, gpu=gpu_of(free))) as samples:
        await anyio.to_thread.run_sync(asked.wait, 5)
        await clock.advance(1)
    assert [samples[0].gpu_free_gb, samples[-1].gpu_free_gb] == [5.0, 3.0]
    assert (samples[0].kind, samples[0].gpu_total_gb, samples[0].problem) == ("discrete", 8.0, "")


async def test_an_accelerator_that_hangs_holds_nothing_up(
    clock: ManualClock, files: MemoryFiles
) -> None:
    released = threading.Event()
    released.set()

    def hang() -> int:
        released.wait(5)
        return 0

    gpu = gpu_of(hang)
    released.clear()
    async with running(MemoryWatch(clock=clock, files=files, gpu=gpu)) as samples:
        await clock.advance(12)
    released.set()
    assert len(samples) == 13
    assert samples[-1].available_gb == 51.2
    assert "accelerator" in samples[-1].problem
    assert (samples[-1].kind, samples[-1].gpu_free_gb) == ("discrete", None), "it has not moved"


def test_an_accelerator_that_fails_is_unknown_and_still_the_memory_that_counts(
    clock: ManualClock, files: MemoryFiles
) -> None:
    lost = False

    def free() -> int:
        if lost:
            raise OSError("GPU is lost")
        return 10**9

    gpu = gpu_of(free)
    watch = MemoryWatch(clock=clock, files=files, gpu=gpu)
    lost = True
    gpu.read()
    sample = watch.read()
    assert (sample.kind, sample.gpu_total_gb, sample.gpu_free_gb) == ("discrete", 8.0, None)
    assert "GPU is lost" in sample.problem


@pytest.mark.skipif(open_triggers(PRESSURE) is None, reason="needs pressure triggers")
async def test_triggers_of_a_quiet_machine_do_not_spin() -> None:
    watch, samples = MemoryWatch(clock=SystemClock()), list[MemorySample]()
    with anyio.move_on_after(0.15):
        await watch.run(samples.append)
    assert len(samples) <= 3


async def test_a_trigger_wakes_it_at_once_and_keeps_it_looking_often(
    clock: ManualClock, files: MemoryFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalls = [anyio.Event(), anyio.Event()]

    class Triggers(PsiTriggers):
        async def wait(self) -> bool:
            await stalls[0].wait()
            stalls.pop(0)
            return True

    monkeypatch.setattr(watching, "open_triggers", lambda _: Triggers(()))
    monkeypatch.setattr(watching, "ALERT_SECONDS", 0.35)
    async with running(MemoryWatch(clock=clock, files=files)) as samples:
        await clock.advance(0.5)
        stalls[0].set()
        await anyio.wait_all_tasks_blocked()
        await clock.advance(2.5)
    looks = [round(one.at - samples[0].at, 2) for one in samples]
    assert looks == [0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.9, 2.9]


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection: out-of-band data is urgent news, as a trigger's is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        receiver, _ = server.accept()
    with sender, receiver:
        yield sender, receiver


async def test_urgent_news_of_the_kernel_wake_and_other_news_do_not(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    sender, receiver = sockets
    triggers = PsiTriggers([os.dup(receiver.fileno())])
    sender.send(b"not urgent")
    with anyio.move_on_after(0.05) as waiting:
        await triggers.wait()
    assert waiting.cancelled_caught
    sender.send(b"!", socket.MSG_OOB)
    with anyio.fail_after(1):
        assert await triggers.wait()
    triggers.close()


async def test_triggers_that_ended_are_given_up(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    sender, receiver = sockets
    triggers = PsiTriggers([os.dup(receiver.fileno())])
    receiver.shutdown(socket.SHUT_RDWR)
    with anyio.fail_after(1):
        assert not await triggers.wait()
    triggers.close()
    triggers.close()
    assert sender.fileno() >= 0
