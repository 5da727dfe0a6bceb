"""How much memory the machine has and how much may be taken (proc_meminfo(5))."""

from dataclasses import dataclass
from pathlib import Path

from brain.vram.memory.files import Unreadable, read_text, whole_number

GB_PER_KIB = 1024 / 1e9
"""The file's "kB" are 1,024 bytes."""


@dataclass(frozen=True, slots=True)
class Meminfo:
    """MemTotal and MemAvailable in GB of 10^9 bytes."""

    total_gb: float
    available_gb: float | None
    """None where the file does not tell; it came with Linux 3.14."""


def read_meminfo(path: Path) -> Meminfo:
    """What `path`, in the form of /proc/meminfo, says. Raises `Unreadable`."""
    lines = (line.partition(":") for line in read_text(path).splitlines())
    amounts = {name.strip(): whole_number((rest.split() or [""])[0]) for name, _, rest in lines}
    total, available = amounts.get("MemTotal"), amounts.get("MemAvailable")
    if total is None:
        raise Unreadable(f"{path} does not tell MemTotal")
    return Meminfo(total * GB_PER_KIB, None if available is None else available * GB_PER_KIB)
