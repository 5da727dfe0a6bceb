"""Which servers are added and removed when the list of them changes."""

from typing import Any

import pytest

from brain.vram.fleet import Fleet
from brain.vram.servers_file import ServerEntry

BOX = ServerEntry("box", "vllm", "http://box:8000", memory_gb=84.0, slots=2)


class Recorded:
    """An orchestrator that only writes down what is wanted of it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def status(self) -> Any:
        ollama = type("Server", (), {"name": "ollama"})()
        return type("Status", (), {"servers": (ollama,)})()

    def add_server(self, backend: str, limits: Any) -> None:
        self.done.append(("add", backend, limits.memory_gb, limits.slots))

    async def remove_server(self, name: str) -> None:
        self.done.append(("remove", name))


@pytest.fixture
def vram() -> Recorded:
    return Recorded()


@pytest.fixture
def fleet(vram: Recorded) -> Fleet:
    double: Any = vram
    nothing: Any = None
    return Fleet(nothing, double, open_backend=lambda one: one.url)  # type: ignore[arg-type,return-value]


ADDED = ("add", "http://box:8000", 84.0, 2)


async def test_what_is_unchanged_is_left_alone(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((BOX,))
    assert vram.done == [ADDED]


async def test_a_changed_server_is_removed_and_added_again(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((ServerEntry("box", "vllm", "http://box:9000"),))
    assert vram.done == [ADDED, ("remove", "box"), ("add", "http://box:9000", None, None)]


async def test_a_disabled_server_leaves(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((ServerEntry("box", "vllm", "http://box:8000", enabled=False),))
    assert vram.done == [ADDED, ("remove", "box")]


async def test_a_server_of_another_setting_is_not_touched(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((ServerEntry("ollama", "ollama", "http://elsewhere:11434"),))
    await fleet.take(())
    assert vram.done == []
