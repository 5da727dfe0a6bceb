"""
Memory of NVIDIA's accelerators, where their management library is installed (nvidia-ml-py).

Accelerators on unified memory (GB10) answer "not supported" to the question for their memory: it
is the machine's, and /proc/meminfo tells.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from brain.vram.memory.sample import Kind


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Sums over all accelerators with memory of their own, GB of 10^9 bytes."""

    kind: Kind
    total_gb: float | None = None
    free_gb: float | None = None
    problem: str = ""


class Nvidia:
    """`library` is the module pynvml, initialised. Making one and asking may block."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self.newest = self._ask()
        """The newest answer, to be looked at without asking."""

    def read(self) -> GpuMemory:
        """What is free now; a failure is a `problem`, never a guess."""
        self.newest = self._ask()
        return self.newest

    def _ask(self) -> GpuMemory:
        nvml = self._library
        total = free = 0
        discrete = False
        try:
            count = nvml.nvmlDeviceGetCount()
            for index in range(count):
                device = nvml.nvmlDeviceGetHandleByIndex(index)
                try:
                    memory = nvml.nvmlDeviceGetMemoryInfo(device)
                except nvml.NVMLError_NotSupported:
                    continue
                discrete, total, free = True, total + memory.total, free + memory.free
        except nvml.NVMLError as failure:
            return GpuMemory("unknown", problem=f"the accelerator does not answer: {failure}")
        if discrete:
            return GpuMemory("discrete", total / 1e9, free / 1e9)
        return GpuMemory("unified" if count else "unknown")


def open_nvidia(module: str = "pynvml") -> Nvidia | None:
    """
    The accelerators of this machine, or None when there are none or nothing to ask them by.

    It has asked them once, so that the first sample knows; it may block.
    """
    try:
        library = importlib.import_module(module)
    except ImportError:
        return None
    try:
        library.nvmlInit()
        return Nvidia(library) if library.nvmlDeviceGetCount() else None
    except library.NVMLError:
        return None
