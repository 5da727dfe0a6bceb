"""The task that owns the state: what breaks in it, who has left, and its end."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.core import Core
from brain.vram.errors import Ended, LoadFailed, ModelUnavailable
from brain.vram.events import AskPlan, Effect, Event, Failure, LoadDone
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Lease, Orchestrator
from brain.vram.owner import MOST_FAULTS
from brain.vram.refusals import error_of
from brain.vram.residents import Inventory
from shared.clock import SystemClock

SPECS = {name: ModelSpec(name=name, size_gb=9.0) for name in ("one", "other")}
LIMIT_SECONDS = 5.0


@dataclass
class Box:
    """A server that loads at once, or when it is told to."""

    name: str = "ollama"
    kind: Any = "ollama"
    url: str = "http://127.0.0.1:1"
    loads: bool = True
    sleeps: bool = False
    unloads_reason: str = ""
    inside: dict[str, float] = field(default_factory=dict)
    meanwhile: Callable[[], None] = lambda: None
    """Called by every load."""

    may_load: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        self.may_load.set()

    async def look(self) -> Inventory:
        return Inventory(SPECS, dict(self.inside))

    async def load(self, spec: ModelSpec) -> float | None:
        await self.may_load.wait()
        self.meanwhile()
        self.inside[spec.name] = spec.size_gb
        return spec.size_gb

    async def unload(self, model: str) -> None:
        self.inside.pop(model, None)

    async def park(self, model: str) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        return


@asynccontextmanager
async def at_work(box: Box) -> AsyncIterator[Orchestrator]:
    vram = Orchestrator(
        specs=SPECS,
        backends=[box],
        options=VramOptions(soft_gb=12.0, hard_gb=14.0),
        clock=SystemClock(),
    )
    with anyio.fail_after(LIMIT_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run)
            await vram.refresh()
            yield vram
            tasks.cancel_scope.cancel()


def broken_by(
    monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[Event], bool], *, times: float = math.inf
) -> None:
    """The first so many steps of such events break."""
    step = Core.step
    left = times

    def breaks(core: Core, event: Event) -> list[Effect]:
        nonlocal left
        if left > 0 and is_bad(event):
            left -= 1
            raise KeyError("a fault of ours")
        return step(core, event)

    monkeypatch.setattr(Core, "step", breaks)


async def use(vram: Orchestrator, model: str) -> Lease:
    async with vram.lease(model) as lease:
        return lease


async def test_a_step_that_breaks_ends_only_what_it_was_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with at_work(Box()) as vram, vram.lease("one") as lease:
        broken_by(monkeypatch, lambda event: isinstance(event, AskPlan))
        for _ in range(3):
            with pytest.raises(LoadFailed) as refusal:
                await vram.plan("one")
        assert "an internal error" in refusal.value.message
        assert not lease.loss.reason
        assert (await use(vram, "one")).spec.name == "one"


async def test_a_caller_whose_step_breaks_half_way_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: Any) -> None:
        monkeypatch.undo()
        raise KeyError("a fault of ours")

    async with at_work(Box()) as vram:
        monkeypatch.setattr("brain.vram.order.Order.dispatch", breaks)
        with pytest.raises(LoadFailed):
            await use(vram, "one")
        assert vram.status().waiting == ()
        assert (await use(vram, "one")).spec.name == "one"


async def test_what_a_broken_step_got_done_is_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        monkeypatch.undo()
        raise KeyError("a fault of ours")

    async with at_work(Box()) as vram:
        monkeypatch.setattr("brain.vram.choosing.Chooser.solve_next", breaks)
        with pytest.raises(LoadFailed):
            await use(vram, "one")
        await until(lambda: {one.state for one in vram.status().loaded} == {"ready"})


async def test_a_load_whose_end_is_missed_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with at_work(Box()) as vram:
        broken_by(monkeypatch, lambda event: isinstance(event, LoadDone), times=1)
        assert (await use(vram, "one")).spec.name == "one"


async def test_a_fault_at_every_step_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def only_faults() -> None:
        async with at_work(Box()) as vram:
            broken_by(monkeypatch, lambda _: True)
            for _ in range(MOST_FAULTS + 1):
                with pytest.raises((LoadFailed, Ended)):
                    await vram.plan("one")

    with pytest.raises(ExceptionGroup):
        await only_faults()


async def test_callers_who_left_as_their_grant_came_leave_nothing_behind() -> None:
    scope = anyio.CancelScope()
    box = Box(meanwhile=scope.cancel)
    async with at_work(box) as vram:
        with scope:
            await use(vram, "one")
        await until(lambda: {one.state for one in vram.status().loaded} == {"ready"})
        await until(lambda: not sum(one.leases for one in vram.status().loaded))
        assert not vram._owner._held, "seen nowhere else"


async def test_nobody_waits_for_an_owner_that_has_ended() -> None:
    box = Box()
    box.may_load = anyio.Event()
    with anyio.fail_after(LIMIT_SECONDS):
        async with anyio.create_task_group() as around:
            async with at_work(box) as vram:
                ended: list[str] = []

                async def ends(name: str, question: Callable[[], Awaitable[object]]) -> None:
                    with pytest.raises(Ended):
                        await question()
                    ended.append(name)

                around.start_soon(ends, "lease", lambda: use(vram, "one"))
                await until(lambda: bool(vram.status().waiting))
            for question in (vram.refresh, vram.optimize, lambda: use(vram, "one")):
                with pytest.raises(Ended):
                    await question()
    assert ended == ["lease"]


async def test_a_server_taken_away_with_the_grant_on_its_way_is_no_internal_error() -> None:
    box = Box()
    async with at_work(box) as vram:
        await use(vram, "one")
        lost: list[str] = []

        async def answer() -> None:
            async with vram.lease("one") as lease:
                lost.append(lease.server.url)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer)
            tasks.start_soon(vram.remove_server, "ollama")
        assert lost == [box.url]


async def ask_in_vain(vram: Orchestrator) -> None:
    with pytest.raises(ModelUnavailable):
        await use(vram, "one")


async def test_with_its_server_a_load_is_given_up() -> None:
    box, ended = Box(), list[str]()

    async def load(spec: ModelSpec) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(spec.name)

    box.load = load  # type: ignore[method-assign] # how it ends is what counts
    async with at_work(box) as vram, anyio.create_task_group() as tasks:
        tasks.start_soon(ask_in_vain, vram)
        await until(lambda: bool(vram.status().loading))
        await vram.remove_server("ollama")
        await until(lambda: ended == ["one"])


async def test_a_server_is_asked_one_thing_at_a_time() -> None:
    box = Box()
    async with at_work(box) as vram:
        looks = 0
        answer = anyio.Event()

        async def look() -> Inventory:
            nonlocal looks
            looks += 1
            await answer.wait()
            return Inventory(SPECS, {})

        box.look = look  # type: ignore[method-assign] # to count
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(vram.refresh)
            await anyio.wait_all_tasks_blocked()
            assert looks == 1
            answer.set()
        await anyio.wait_all_tasks_blocked()
        assert looks == 2


def test_a_refusal_about_a_server_that_is_gone_names_it() -> None:
    failure = error_of(Failure("unreachable", "it was taken out of use", "box"), "one", {})
    assert failure.message == "Failed to connect to Ollama at box: it was taken out of use."


async def until(true: Callable[[], bool]) -> None:
    """Poll what another task brings about; the limit of `at_work` ends it."""
    while not true():
        await anyio.sleep(0.002)
