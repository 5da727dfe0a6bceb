"""What accelerators say about their memory, asked through a stand-in for NVIDIA's library."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from brain.vram.memory.nvidia import Nvidia, open_nvidia


class Failed(Exception):
    """As NVMLError."""


class NotSupported(Failed):
    """As NVMLError_NotSupported."""


@dataclass
class Memory:
    total: int
    free: int


def library(*devices: Memory | Exception) -> Any:
    def memory_of(device: Memory | Exception) -> Memory:
        if isinstance(device, Exception):
            raise device
        return device

    return SimpleNamespace(
        NVMLError=Failed,
        NVMLError_NotSupported=NotSupported,
        nvmlDeviceGetCount=lambda: len(devices),
        nvmlDeviceGetHandleByIndex=lambda index: devices[index],
        nvmlDeviceGetMemoryInfo=memory_of,
    )


def test_memory_of_several_accelerators_is_added_up() -> None:
    gpu = Nvidia(library(Memory(24 * 10**9, 20 * 10**9), Memory(24 * 10**9, 10**9))).read()
    assert (gpu.kind, gpu.total_gb, gpu.free_gb, gpu.problem) == ("discrete", 48.0, 21.0, "")


def test_an_accelerator_without_memory_of_its_own_uses_the_machines() -> None:
    gpu = Nvidia(library(NotSupported())).read()
    assert (gpu.kind, gpu.total_gb, gpu.free_gb) == ("unified", None, None)


def test_a_failure_is_unknown_and_says_so() -> None:
    gpu = Nvidia(library(Memory(1, 1), Failed("GPU is lost"))).read()
    assert (gpu.kind, gpu.total_gb, gpu.free_gb) == ("unknown", None, None)
    assert "GPU is lost" in gpu.problem


def test_without_the_library_there_is_no_accelerator() -> None:
    assert open_nvidia("no_such_module_at_all") is None


@pytest.mark.parametrize("devices", [0, 1])
def test_without_a_device_there_is_no_accelerator(
    devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = library(*[Memory(1, 1)] * devices)
    module.nvmlInit = lambda: None
    monkeypatch.setitem(sys.modules, "stand_in_for_pynvml", module)
    assert (open_nvidia("stand_in_for_pynvml") is not None) is bool(devices)


def test_a_library_without_a_driver_is_no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise Failed("library not found")

    module = library(Memory(1, 1))
    module.nvmlInit = no_driver
    monkeypatch.setitem(sys.modules, "stand_in_for_pynvml", module)
    assert open_nvidia("stand_in_for_pynvml") is None
