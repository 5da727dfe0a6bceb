"""
A program that takes memory from others and, where there is none left, really waits for it.

    python hog.py MEMINFO BYTES_PER_GB TAKE_GB GB_PER_SECOND FILE

It takes `TAKE_GB` (of a small machine whose GB are `BYTES_PER_GB` bytes) as far as MEMINFO says
there is room. While there is none it does what a program does that the kernel takes pages from:
reads them again. Those stalls are real, /proc/pressure/memory and the group's own file show them.
"""

import mmap
import os
import sys
import time
from pathlib import Path

STALL_BYTES = 64 << 20
STEP_GB = 0.5
MADV_PAGEOUT = 21
"""Linux, madvise(2): reclaim these pages now. The module mmap has no name for it."""


def available_gb(meminfo: Path) -> float:
    """MemAvailable, GB of 10^9 bytes."""
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / 1e9
    raise ValueError(f"{meminfo} does not tell MemAvailable")


def touch(memory: mmap.mmap, *, write: bool) -> None:
    """Every page is really there afterwards."""
    for page in range(0, len(memory), mmap.PAGESIZE):
        if write:
            memory[page] = 1
        else:
            memory[page]


def open_pages(path: Path) -> mmap.mmap:
    """Pages of a file that are in use, so that missing them is a stall for want of memory."""
    with path.open("wb") as file:
        for _ in range(STALL_BYTES >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    pages.madvise(mmap.MADV_RANDOM)
    touch(pages, write=False)
    touch(pages, write=False)
    return pages


def main() -> None:
    """Until its input is closed or it is killed."""
    meminfo, pages = Path(sys.argv[1]), open_pages(Path(sys.argv[5]))
    bytes_per_gb, take_gb, speed = (float(word) for word in sys.argv[2:5])
    taken: list[mmap.mmap] = []
    while len(taken) * STEP_GB < take_gb:
        if available_gb(meminfo) < 2 * STEP_GB:
            pages.madvise(MADV_PAGEOUT)
            touch(pages, write=False)
            continue
        taken.append(mmap.mmap(-1, int(STEP_GB * bytes_per_gb), flags=mmap.MAP_PRIVATE))
        touch(taken[-1], write=True)
        time.sleep(STEP_GB / speed)
    sys.stdout.write("full\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
