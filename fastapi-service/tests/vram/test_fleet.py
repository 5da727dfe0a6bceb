"""Which servers are added and removed when the list of them changes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.backends.listed import open_backend
from brain.vram.errors import ServerKind
from brain.vram.fleet import Fleet
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.residents import Inventory
from brain.vram.servers_file import ServerEntry
from shared.clock import SystemClock

BOX = ServerEntry("box", "vllm", "http://box:8000", memory_gb=84.0, slots=2)
OLLAMA = "http://127.0.0.1:11434"


class Recorded:
    """An orchestrator that only writes down what is wanted of it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def status(self) -> Any:
        ollama = type("Server", (), {"name": "ollama", "url": OLLAMA})()
        return type("Status", (), {"servers": (ollama,)})()

    def add_server(self, backend: Any, limits: Any) -> None:
        self.done.append(("add", backend.url, limits.memory_gb, limits.slots))

    async def retire_server(self, name: str) -> None:
        self.done.append(("remove", name))


@pytest.fixture
def vram() -> Recorded:
    return Recorded()


@pytest.fixture
def fleet(vram: Recorded) -> Fleet:
    double: Any = vram
    file: Any = type("File", (), {"problem": ""})()
    return Fleet(file, double, open_backend=open_backend)


ADDED = ("add", "http://box:8000", 84.0, 2)


async def test_what_is_unchanged_is_left_alone(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((BOX,))
    assert vram.done == [ADDED]


async def test_a_changed_server_is_removed_and_added_again(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((ServerEntry("box", "vllm", "http://box:9000"),))
    assert vram.done == [ADDED, ("remove", "box"), ("add", "http://box:9000", None, None)]


async def test_a_server_with_other_limits_goes_on(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((replace(BOX, slots=3),))
    assert vram.done == [ADDED, ("add", "http://box:8000", 84.0, 3)]


@pytest.mark.parametrize("change", [{"memory_gb": 60.0}, {"control_key": "other"}])
async def test_a_server_that_is_another_inside_is_replaced(
    fleet: Fleet, vram: Recorded, change: dict[str, Any]
) -> None:
    await fleet.take((BOX,))
    await fleet.take((replace(BOX, **change),))
    assert [one[0] for one in vram.done] == ["add", "remove", "add"]


async def test_a_disabled_server_leaves(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((BOX,))
    await fleet.take((ServerEntry("box", "vllm", "http://box:8000", enabled=False),))
    assert vram.done == [ADDED, ("remove", "box")]


async def test_a_server_of_another_setting_is_not_touched(fleet: Fleet, vram: Recorded) -> None:
    await fleet.take((ServerEntry("ollama", "ollama", "http://elsewhere:11434"),))
    await fleet.take(())
    assert vram.done == []
    await fleet.take((ServerEntry("ollama", "ollama", "http://elsewhere:11434"),))
    assert fleet.problems() == (
        "ollama of MODEL_SERVERS_FILE is not used: another setting names a server so.",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_the_same_address_under_two_names_is_refused_and_said(
    fleet: Fleet, vram: Recorded, host: str
) -> None:
    two = ServerEntry("two", "openai", f"http://{host}:11434/v1")
    await fleet.take((two, BOX, replace(BOX, name="crate")))
    assert vram.done == [ADDED]
    assert fleet.problems() == (
        f"two of MODEL_SERVERS_FILE is not used: http://{host}:11434 is already the server ollama.",
        "crate of MODEL_SERVERS_FILE is not used: http://box:8000 is already the server box.",
    )
    await fleet.take((BOX,))
    assert (vram.done, fleet.problems()) == ([ADDED], ())


async def test_a_server_that_is_called_otherwise_is_never_there_twice(
    fleet: Fleet, vram: Recorded
) -> None:
    await fleet.take((BOX,))
    await fleet.take((replace(BOX, name="crate"),))
    assert vram.done == [ADDED, ("remove", "box"), ADDED]


class Ready:
    """A server that has its one model in no time."""

    loads, sleeps, unloads_reason = True, False, ""
    kind: ServerKind = "ollama"
    spec = ModelSpec(name="m", size_gb=2.0)

    def __init__(self, one: ServerEntry) -> None:
        self.name, self.url = one.name, one.url
        self.loaded: dict[str, float] = {}

    async def look(self) -> Inventory:
        return Inventory({"m": self.spec}, dict(self.loaded))

    async def load(self, spec: ModelSpec) -> float | None:
        self.loaded["m"] = spec.size_gb
        return spec.size_gb

    async def unload(self, model: str) -> None:
        self.loaded.clear()

    async def park(self, model: str) -> None:
        raise AssertionError("it does not sleep")

    async def aclose(self) -> None:
        pass


LISTED = ServerEntry("x", "ollama", "http://127.0.0.1:1", slots=1)


@pytest.fixture
async def house() -> AsyncIterator[tuple[Orchestrator, Fleet]]:
    """An orchestrator at work with one listed server."""
    options = VramOptions(soft_gb=10.0, hard_gb=12.0)
    vram = Orchestrator(specs={}, backends=[], options=options, clock=SystemClock())
    nothing: Any = None
    fleet = Fleet(nothing, vram, open_backend=Ready)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run)
            await fleet.take((LISTED,))
            await anyio.lowlevel.checkpoint()
            await vram.refresh()
            yield vram, fleet
            tasks.cancel_scope.cancel()


async def test_other_limits_cut_no_answer_off_and_hold_at_once(
    house: tuple[Orchestrator, Fleet],
) -> None:
    vram, fleet = house
    async with vram.lease("m") as first:
        await fleet.take((replace(LISTED, slots=2),))
        async with vram.lease("m"):
            assert not first.loss.reason
            assert [one.leases for one in vram.status().loaded] == [2]
    while any(one.leases for one in vram.status().loaded):
        await anyio.sleep(0.005)
    assert [one.leases for one in vram.status().loaded] == [0], "none was counted twice"


async def test_a_server_that_moves_finishes_its_answers_first(
    house: tuple[Orchestrator, Fleet],
) -> None:
    vram, fleet = house
    async with anyio.create_task_group() as tasks, vram.lease("m") as lease:
        tasks.start_soon(fleet.take, (replace(LISTED, url="http://127.0.0.1:2"),))
        await anyio.sleep(0.02)
        assert [one.draining for one in vram.status().servers] == [True]
        assert not lease.loss.reason
    async with vram.lease("m") as lease:
        assert lease.server.url == "http://127.0.0.1:2"


async def test_a_server_that_never_gets_done_is_left_at_last(
    house: tuple[Orchestrator, Fleet],
) -> None:
    vram, _ = house
    async with vram.lease("m") as lease:
        await vram.retire_server("x", within_seconds=0.0)
        while not lease.loss.reason:
            await anyio.sleep(0.005)
    assert not vram.status().servers
