"""Whether the kernel had to look for memory: a counter that grows when it did."""

from collections.abc import Mapping
from pathlib import Path

from brain.vram.memory.files import Unreadable, counters, read_text

NAMES = (
    "workingset_refault_file",
    "workingset_refault",  # before kernel 5.9
    "pgscan_kswapd",
    "pgscan_direct",
    "pgscan_khugepaged",
)
"""Dropped file pages that were read again, and pages looked at to find some to drop."""


def read_refaults(path: Path) -> int:
    """The sum of what `path`, in the form of /proc/vmstat, counts. Raises `Unreadable`."""
    found = sum_of(counters(read_text(path)), NAMES)
    if found is None:
        raise Unreadable(f"{path} counts neither refaults nor scanned pages")
    return found


def sum_of(counted: Mapping[str, int], names: tuple[str, ...]) -> int | None:
    """The sum of those of `names` that are counted, None when none is."""
    found = [counted[name] for name in names if name in counted]
    return sum(found) if found else None
