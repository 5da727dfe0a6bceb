"""
What our control group leaves of the machine's memory, where it has a limit.

Version 2 (kernel, Documentation/admin-guide/cgroup-v2.rst), then version 1
(…/cgroup-v1/memory.rst). A limit of any group above ours holds for us too. Page cache that was
charged to the group is dropped before anything fails, so it counts as available, as it does in
MemAvailable.
"""

from dataclasses import dataclass
from pathlib import Path

from brain.vram.memory.files import Unreadable, counters, read_text, whole_number
from brain.vram.memory.psi import read_psi
from brain.vram.memory.sample import Psi
from brain.vram.memory.vmstat import sum_of

CGROUPS = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")
RECLAIMABLE = ("active_file", "inactive_file", "slab_reclaimable")
RECLAIMABLE_V1 = ("total_active_file", "total_inactive_file")
UNLIMITED = 1 << 62
SCANNED = ("pgscan", "workingset_refault_file")


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """The tightest limit on us and what it leaves, GB of 10^9 bytes."""

    limit_gb: float
    available_gb: float
    psi: Psi | None = None
    """Of our own group; version 1 has none."""

    refaults: int = 0


@dataclass(frozen=True, slots=True)
class _Names:
    """What the files of one version are called."""

    limit: str
    usage: str
    reclaimable: tuple[str, ...]


V2 = _Names("memory.max", "memory.current", RECLAIMABLE)
V1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", RECLAIMABLE_V1)


def read_group(*, root: Path = CGROUPS, own: Path = SELF) -> GroupMemory | None:
    """
    The memory of the group `own` names below `root`; None where no group limits us.

    A limit that is not set is "max" in version 2, and about 2^63 in version 1.
    """
    try:
        paths = dict(_paths(read_text(own)))
    except Unreadable:
        return None
    for key, top, names in (("", root, V2), ("memory", root / "memory", V1)):
        if key in paths:
            folder = top / paths[key].lstrip("/")
            folder = folder if folder.is_dir() else top  # in a container that shows only its own
            rows = [row for one in _upwards(folder, top) if (row := _limit(one, names))]
            if rows:
                limit = min(limit for limit, _ in rows)
                left = max(0, min(left for _, left in rows))
                return GroupMemory(limit / 1e9, left / 1e9, _psi(folder), _refaults(folder))
    return None


def is_top_group(own: Path = SELF) -> bool:
    """Whether no group is above ours as far as we see, which is so inside a container."""
    try:
        paths = dict(_paths(read_text(own)))
    except Unreadable:
        return False
    return {paths.get("memory", "/"), paths.get("", "/")} == {"/"}


def _paths(text: str) -> list[tuple[str, str]]:
    """(controllers, path) of each line `id:controllers:path`; version 2 has no controllers."""
    rows = (line.split(":", 2) for line in text.splitlines())
    return [(name, row[2]) for row in rows if len(row) == 3 for name in row[1].split(",")]


def _upwards(folder: Path, top: Path) -> list[Path]:
    """`folder` and what is above it, up to and with `top`."""
    inside = [one for one in folder.parents if one == top or top in one.parents]
    return [folder, *inside]


def _limit(folder: Path, names: _Names) -> tuple[int, int] | None:
    """(limit, what it leaves) of one group in bytes; None where it has no limit."""
    try:
        limit = whole_number(read_text(folder / names.limit).strip())
        if limit is None or limit >= UNLIMITED:
            return None
        usage = whole_number(read_text(folder / names.usage).strip())
        cached = sum_of(counters(read_text(folder / "memory.stat")), names.reclaimable)
    except Unreadable:
        return None
    if usage is None:
        return None
    return limit, limit - max(0, usage - (cached or 0))


def _psi(folder: Path) -> Psi | None:
    try:
        return read_psi(folder / "memory.pressure")
    except Unreadable:
        return None


def _refaults(folder: Path) -> int:
    try:
        return sum_of(counters(read_text(folder / "memory.stat")), SCANNED) or 0
    except Unreadable:
        return 0
