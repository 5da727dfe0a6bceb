"""The orchestrator as operators and holders of lost models see it, with real servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from brain.catalogue.profile import load_profile
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.errors import BackendFailed, BreakerOpen, LoadFailed, ModelLost, ModelUnavailable
from brain.vram.memory.sample import MemorySample
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Level, Orchestrator
from rehearsal import Fault, Rehearsal, Servers, running
from shared.clock import SystemClock

LIMIT_SECONDS = 5.0
SMALL, BIG = "rnj-1:8b", "gpt-oss:20b"


@asynccontextmanager
async def orchestrator(servers: Servers, *, enabled: bool = True) -> AsyncIterator[Orchestrator]:
    vram = Orchestrator(
        specs=load_profile("conservative").models,
        backends=[OllamaBackend(servers.ollama_url)],
        options=VramOptions(soft_gb=12, hard_gb=14, orchestrator_enabled=enabled),
        clock=SystemClock(),
    )
    with anyio.fail_after(LIMIT_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run)
            await vram.refresh()
            yield vram
            tasks.cancel_scope.cancel()


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    async with running(Rehearsal(speed=100.0), ollama_port=0, openai_port=0) as servers:
        yield servers


@pytest.fixture
async def vram(servers: Servers) -> AsyncIterator[Orchestrator]:
    async with orchestrator(servers) as vram:
        yield vram


async def use(vram: Orchestrator, model: str, *, patient: bool = True) -> None:
    async with vram.lease(model, patient=patient):
        pass


async def kill(servers: Servers, model: str) -> None:
    """From outside, as `kill -9` of its process: the server just does not have it any more."""
    outside = OllamaBackend(servers.ollama_url)
    await outside.unload(model)
    await outside.aclose()


def states(vram: Orchestrator) -> dict[str, str]:
    return {one.name: one.state for one in vram.status().loaded}


async def test_the_holder_of_a_model_that_was_killed_learns_that_it_was_lost(
    vram: Orchestrator, servers: Servers
) -> None:
    told: list[str] = []

    async def answer() -> None:
        async with vram.lease(SMALL) as lease:
            lease.loss.notify = lambda: told.append(lease.loss.reason)
            await kill(servers, SMALL)
            await vram.reconcile()
            assert told == ["it is no longer in memory"]
            raise BackendFailed(SMALL, "the connection broke")

    with pytest.raises(ModelLost) as loss:
        await answer()
    assert (loss.value.code, loss.value.retryable) == ("backend.failed", True)
    assert list(vram.crashes()) == [SMALL]
    await use(vram, SMALL)


async def test_a_broken_answer_makes_it_look_whether_the_model_is_still_there(
    vram: Orchestrator, servers: Servers
) -> None:
    async def answer() -> None:
        async with vram.lease(SMALL):
            await kill(servers, SMALL)
            raise BackendFailed(SMALL, "the connection broke")

    with pytest.raises(BackendFailed):
        await answer()
    while not vram.crashes():
        await anyio.sleep(0.002)
    assert SMALL not in states(vram)


async def test_an_idle_model_that_its_server_put_away_has_not_crashed(
    vram: Orchestrator, servers: Servers
) -> None:
    async with vram.lease(SMALL):
        pass
    await kill(servers, SMALL)
    while SMALL in states(vram):
        await vram.reconcile()
    assert not vram.crashes()


async def test_a_failure_of_something_else_makes_nobody_suspicious(vram: Orchestrator) -> None:
    with pytest.raises(ZeroDivisionError):
        async with vram.lease(SMALL):
            raise ZeroDivisionError
    assert states(vram) == {SMALL: "ready"}


async def test_reconciling_says_what_was_cleaned_and_adopted(
    vram: Orchestrator, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where in ("reconcile", "orchestrator"):
        monkeypatch.setattr(f"brain.vram.{where}.APART_SECONDS", 0.05)
    await use(vram, SMALL)
    await kill(servers, SMALL)
    async with orchestrator(servers) as other:
        await use(other, BIG)
        told = await vram.reconcile()
    assert (told.registry_count, told.backend_count) == (1, 1)
    assert (told.cleaned_models, told.adopted_models) == ((SMALL,), (BIG,))


async def test_a_model_that_crashed_repeatedly_is_refused_to_who_will_not_wait(
    vram: Orchestrator, servers: Servers
) -> None:
    servers.rehearsal.faults.add([Fault(kind="oom", on="load", model=SMALL, times=2)])
    for _ in range(2):
        with pytest.raises(LoadFailed):
            await use(vram, SMALL)
    with pytest.raises(BreakerOpen) as refusal:
        await use(vram, SMALL, patient=False)
    assert "rests" in refusal.value.message
    assert 0 < (vram.rests(SMALL) or 0) < 40
    kept = vram.learned()
    vram.clear_crashes(SMALL)
    await use(vram, SMALL)
    async with orchestrator(servers) as restarted:
        restarted.recall(kept)
        assert list(restarted.crashes()) == [SMALL]


async def test_an_operator_loads_plans_and_unloads(vram: Orchestrator) -> None:
    await vram.load(BIG)
    assert states(vram) == {BIG: "ready"}
    plan = await vram.plan(SMALL)
    assert [one.model for one in plan.victims] == [BIG]
    assert await vram.unload(BIG) == "unloading"
    while states(vram):
        await anyio.sleep(0.002)
    assert await vram.unload(BIG) == "absent"
    with pytest.raises(ModelUnavailable):
        await vram.plan("llama9:1b")
    with pytest.raises(ModelUnavailable):
        await vram.load("llama9:1b")


async def test_with_the_orchestrator_off_a_plan_says_so_and_names_nobody(servers: Servers) -> None:
    async with orchestrator(servers, enabled=False) as vram:
        await vram.load(BIG)
        await vram.load(SMALL)
        assert set(states(vram)) == {BIG, SMALL}
        plan = await vram.plan("ministral-3:14b")
    assert plan.why.startswith("the orchestrator is off: it is loaded as asked")
    assert (plan.fits, plan.free_gb, plan.victims, plan.would_wait_for) == (False, 0.0, (), ())


async def test_a_model_in_use_is_unloaded_after_its_use(vram: Orchestrator) -> None:
    async with vram.lease(BIG):
        assert await vram.unload(BIG) == "draining"
        assert states(vram) == {BIG: "draining"}
    while states(vram):
        await anyio.sleep(0.002)


async def test_idle_models_are_freed_on_demand(vram: Orchestrator) -> None:
    await use(vram, BIG)
    freed = await vram.optimize()
    assert [(model, round(gb, 1)) for model, gb in freed] == [(BIG, 13.0)]


async def test_readings_of_the_memory_are_shown_and_make_levels(vram: Orchestrator) -> None:
    assert (vram.status().memory, vram.pressure) == (None, Level.CALM)
    vram.observe(MemorySample(0.0, total_gb=64.0, available_gb=1.0))
    while vram.pressure is not Level.CRIT:
        await anyio.sleep(0.002)
    memory = vram.status().memory
    assert memory is not None
    assert (memory.total_gb, memory.available_gb) == (64.0, 1.0)
    assert memory.at == pytest.approx(SystemClock().now(), abs=60)
    assert vram.status().level_reason


async def test_a_plan_is_made_beside_the_owner_after_a_load(vram: Orchestrator) -> None:
    await use(vram, SMALL)
    domain = vram._core.books.domains["machine"]
    while domain.values is None:
        await anyio.sleep(0.002)
    assert SMALL in {one.place.model for one in domain.values.problem.zoo}


async def test_a_server_can_be_added_and_taken_away(vram: Orchestrator, servers: Servers) -> None:
    vram.add_server(OllamaBackend(servers.ollama_url, name="second"))
    while not all(one.models for one in vram.status().servers):
        await anyio.sleep(0.002)
    vram.drain_server("ollama")
    async with vram.lease(SMALL) as lease:
        assert lease.server.name == "second"
    await vram.remove_server("second")
    while len(vram.status().servers) > 1:
        await anyio.sleep(0.002)
