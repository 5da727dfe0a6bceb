"""Which servers use the memory of this machine."""

import socket

import anyio
import pytest

from brain.vram.backends.ollama import OllamaBackend
from brain.vram.domains import ServerLimits
from brain.vram.memory.here import is_here
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from shared.clock import ManualClock


@pytest.mark.parametrize(
    ("url", "alone", "contained"),
    [
        ("http://127.0.0.1:11434", True, True),
        ("http://localhost:11434", True, True),
        ("http://[::1]:11434", True, True),
        ("http://0.0.0.0:11434", True, True),
        (f"http://{socket.gethostname()}:11434", True, True),
        ("http://host.docker.internal:11434", True, True),
        ("http://ollama:11434", False, True),
        ("http://gpubox:11434", False, True),
        ("http://192.0.2.20:11434", False, False),
        ("http://[2001:db8::1]:11434", False, False),
        ("http://gpu.example.org", False, False),
    ],
)
def test_a_server_is_here_by_its_address(url: str, alone: bool, contained: bool) -> None:
    assert is_here(url, contained=False) is alone
    assert is_here(url, contained=True) is contained


def test_an_address_of_our_own_on_the_network_is_here() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("192.0.2.1", 9))  # nothing is sent: it only names the address of the way there
        ours = one.getsockname()[0]
    assert is_here(f"http://{ours}:11434", contained=False)


async def test_a_server_with_memory_of_its_own_is_apart_wherever_it_runs() -> None:
    limits = {"apart": ServerLimits(memory_gb=64.0)}
    vram = Orchestrator(
        specs={},
        backends=[
            OllamaBackend("http://127.0.0.1:1", name="here"),
            OllamaBackend("http://127.0.0.1:2", name="apart"),
        ],
        options=VramOptions(soft_gb=12.0, hard_gb=14.0),
        clock=ManualClock(),
        limits=limits,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vram.run)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert [one.domain for one in vram.status().servers] == ["machine", "apart"]
    assert vram._core.books.domains["apart"].hard_gb == 64.0
