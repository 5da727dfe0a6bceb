"""What the readers make of the kernel's files, and of everything else that may lie there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brain.vram.memory.cgroup import read_group
from brain.vram.memory.files import Unreadable
from brain.vram.memory.meminfo import read_meminfo
from brain.vram.memory.psi import open_triggers, read_psi
from brain.vram.memory.vmstat import read_refaults

MEMINFO = "MemTotal:       24684084 kB\nMemFree:  1 kB\nMemAvailable:   12000000 kB\n"
PSI = (
    "some avg10=1.50 avg60=2.50 avg300=3.50 total=4500\n"
    "full avg10=0.50 avg60=0.25 avg300=0.12 total=700\n"
)
VMSTAT = (
    "nr_free_pages 99\nworkingset_refault_anon 1000\nworkingset_refault_file 5\n"
    "pgscan_kswapd 30\npgscan_direct 200\npgscan_khugepaged 4000\npgscan_anon 9\npgscan_file 9\n"
)

READERS: list[Callable[[Path], Any]] = [read_meminfo, read_psi, read_refaults]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "facts"
        path.write_text(text)
        return path

    return write


def test_meminfo_counts_in_kib(file: Callable[[str], Path]) -> None:
    memory = read_meminfo(file(MEMINFO))
    assert memory.total_gb == pytest.approx(25.2765, abs=1e-4)
    assert memory.available_gb == pytest.approx(12.288)


def test_psi_has_averages_and_totals(file: Callable[[str], Path]) -> None:
    psi = read_psi(file(PSI))
    assert (psi.some_avg10, psi.some_avg60, psi.some_avg300) == (1.5, 2.5, 3.5)
    assert (psi.full_avg10, psi.full_avg60, psi.full_avg300) == (0.5, 0.25, 0.12)
    assert (psi.some_total_us, psi.full_total_us) == (4500, 700)


def test_refaults_are_file_pages_read_again_and_pages_scanned_once(
    file: Callable[[str], Path],
) -> None:
    assert read_refaults(file(VMSTAT)) == 4235


def test_an_older_kernel_counts_refaults_under_one_name(file: Callable[[str], Path]) -> None:
    assert read_refaults(file("workingset_refault 7\n")) == 7


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", ["", "\n\n", "garbage", "\0\0\0", "some full\n=\n:::\n", "ÿ²³\n"])
def test_nonsense_is_unreadable(
    file: Callable[[str], Path], read: Callable[[Path], Any], text: str
) -> None:
    with pytest.raises(Unreadable, match=r"facts"):
        read(file(text))


@pytest.mark.parametrize("read", READERS)
def test_what_is_not_there_or_not_a_file_is_unreadable(
    tmp_path: Path, read: Callable[[Path], Any]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "missing/deeper", ".", "pipe"):
        with pytest.raises(Unreadable):
            read(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        "MemAvailable: 1 kB\n",
        "MemTotal: ² kB\nMemAvailable: 1 kB\n",
        "MemTotal: -5 kB\nMemAvailable: 1 kB\n",
        "MemTotal:\nMemAvailable: 1 kB\n",
        f"MemTotal: {'9' * 5000} kB\nMemAvailable: 1 kB\n",
    ],
)
def test_meminfo_without_a_total_is_unreadable(file: Callable[[str], Path], text: str) -> None:
    with pytest.raises(Unreadable):
        read_meminfo(file(text))


def test_a_total_is_known_also_where_nothing_tells_what_is_available(
    file: Callable[[str], Path],
) -> None:
    memory = read_meminfo(file("MemTotal: 1000000 kB\nMemFree: 1 kB\n"))
    assert memory.total_gb == pytest.approx(1.024)
    assert memory.available_gb is None


@pytest.mark.parametrize("number", ["nan", "inf", "-1.0", "", "x", "1e999"])
def test_psi_without_proper_numbers_is_unreadable(file: Callable[[str], Path], number: str) -> None:
    with pytest.raises(Unreadable):
        read_psi(file(PSI.replace("avg10=0.50", f"avg10={number}")))


def test_psi_needs_both_lines(file: Callable[[str], Path]) -> None:
    with pytest.raises(Unreadable):
        read_psi(file(PSI.splitlines()[0]))


def test_a_failure_says_why(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file or directory"):
        read_meminfo(tmp_path / "missing")


def test_a_plain_file_gets_no_trigger_and_is_left_as_it_was(
    file: Callable[[str], Path],
) -> None:
    path = file(PSI)
    assert open_triggers(path) is None
    assert path.read_text() == PSI


# ------------------------------------------------------------------ control groups


@pytest.fixture
def groups(tmp_path: Path) -> Callable[..., Any]:
    """Writes files of control groups below a root, and reads as a member of `own`."""

    def read(own: str, files: dict[str, str]) -> Any:
        root = tmp_path / "cgroup"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "self").write_text(own)
        return read_group(root=root, own=tmp_path / "self")

    return read


STAT = "anon 1\ninactive_file 1000000000\nactive_file 500000000\nslab_reclaimable 0\nshmem 7\n"


def test_page_cache_of_the_group_is_available(groups: Callable[..., Any]) -> None:
    memory = groups(
        "0::/box\n",
        {
            "box/memory.max": "8000000000\n",
            "box/memory.current": "3000000000\n",
            "box/memory.stat": STAT + "pgscan 40\nworkingset_refault_file 2\n",
            "box/memory.pressure": PSI,
        },
    )
    assert (memory.limit_gb, memory.available_gb) == (8.0, 6.5)
    assert memory.psi.full_avg10 == 0.5
    assert memory.refaults == 42


@pytest.mark.parametrize(
    ("outer", "inner", "limit", "available"),
    [("4", "6", 4.0, 3.0), ("6", "4", 4.0, 3.0)],
)
def test_of_several_limits_the_tightest_counts(
    groups: Callable[..., Any], outer: str, inner: str, limit: float, available: float
) -> None:
    files = {f"{one}/memory.stat": "anon 1\n" for one in ("outer", "outer/inner")}
    for folder, size in (("outer", outer), ("outer/inner", inner)):
        files[f"{folder}/memory.max"] = size + "000000000\n"
        files[f"{folder}/memory.current"] = "1000000000\n"
    memory = groups("0::/outer/inner\n", files)
    assert (memory.limit_gb, memory.available_gb) == (limit, available)


def test_a_limit_above_ours_counts(groups: Callable[..., Any]) -> None:
    memory = groups(
        "0::/outer/inner\n",
        {
            "outer/memory.max": "4000000000\n",
            "outer/memory.current": "1000000000\n",
            "outer/memory.stat": STAT,
            "outer/inner/memory.max": "max\n",
            "outer/inner/memory.current": "1\n",
            "outer/inner/memory.stat": STAT,
        },
    )
    assert (memory.limit_gb, memory.available_gb) == (4.0, 4.0)


def test_version_one_is_read_where_version_two_has_no_memory(groups: Callable[..., Any]) -> None:
    memory = groups(
        "4:cpu,memory:/docker/abc\n0::/\n",
        {
            "memory/memory.limit_in_bytes": "314572800\n",  # a container shows only its own
            "memory/memory.usage_in_bytes": "300000000\n",
            "memory/memory.stat": "total_inactive_file 100000000\ntotal_active_file 0\n",
        },
    )
    assert memory.limit_gb == pytest.approx(0.3146, abs=1e-4)
    assert memory.available_gb == pytest.approx(0.1146, abs=1e-4)
    assert memory.psi is None


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("0::/box\n", {"box/memory.max": "max\n", "box/memory.current": "1\n"}),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}),
        ("0::/\n", {"cgroup.procs": "1\n"}),
        ("0::/box\n", {"box/memory.max": "garbage\n"}),
        ("nonsense", {}),
        ("", {}),
    ],
)
def test_without_a_limit_there_is_none(
    groups: Callable[..., Any], own: str, files: dict[str, str]
) -> None:
    assert groups(own, files) is None


def test_a_group_over_its_limit_leaves_nothing(groups: Callable[..., Any]) -> None:
    memory = groups(
        "0::/\n",
        {
            "memory.max": "1000\n",
            "memory.current": "3000\n",
            "memory.stat": "inactive_file 5\n",
        },
    )
    assert memory.available_gb == 0.0
