"""The single owner with real servers: rehearsals, a hundred times faster than scripted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from brain.catalogue.profile import load_profile
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.errors import BackendUnreachable, LoadFailed, ModelNeverFits, ModelUnavailable
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Lease, Orchestrator, Progress
from rehearsal import Fault, Rehearsal, Servers, running
from shared.clock import SystemClock

LIMIT_SECONDS = 5.0
SMALL, BIG = "rnj-1:8b", "gpt-oss:20b"


@dataclass
class House:
    """An orchestrator at work, and the stage it works with."""

    vram: Orchestrator
    servers: Servers
    news: list[Progress] = field(default_factory=list)

    def count(self, kind: str, model: str) -> int:
        return self.servers.rehearsal.record.count(kind, model)  # type: ignore[arg-type] # by name

    def fault(self, fault: Fault) -> None:
        self.servers.rehearsal.faults.add([fault])

    def leases(self) -> int:
        return sum(model.leases for model in self.vram.status().loaded)

    def loaded(self) -> set[str]:
        return {model.name for model in self.vram.status().loaded if model.state == "ready"}

    async def use(self, model: str) -> Lease:
        async with self.vram.lease(model, tell=self.news.append) as lease:
            return lease


@asynccontextmanager
async def at_work(
    *, ollama_url: str, openai_url: str, load_timeout_seconds: float = 60.0
) -> AsyncIterator[Orchestrator]:
    profile = load_profile("conservative")
    vram = Orchestrator(
        specs=profile.models,
        backends=[OllamaBackend(ollama_url), OpenAIBackend(openai_url)],
        options=VramOptions(soft_gb=profile.soft_gb, hard_gb=profile.hard_gb),
        clock=SystemClock(),
        load_timeout_seconds=load_timeout_seconds,
    )
    with anyio.fail_after(LIMIT_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(vram.run)
            yield vram
            tasks.cancel_scope.cancel()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with (
        running(Rehearsal(speed=100.0), ollama_port=0, openai_port=0) as servers,
        at_work(ollama_url=servers.ollama_url, openai_url=servers.openai_url) as vram,
    ):
        await vram.refresh()
        yield House(vram, servers)


async def until(true: Callable[[], bool]) -> None:
    """Poll what another task or process brings about; the fixture's limit ends it."""
    while not true():
        await anyio.sleep(0.002)


async def test_a_lease_names_the_model_its_server_and_that_it_is_rehearsal(house: House) -> None:
    lease = await house.use(SMALL)
    assert lease.spec.name == SMALL
    assert (lease.server.kind, lease.server.url) == ("ollama", house.servers.ollama_url)
    assert lease.server.rehearsal
    assert lease.load_seconds > 0
    assert (await house.use(SMALL)).load_seconds == 0


async def test_many_callers_load_a_model_once(house: House) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(house.use, SMALL)
    assert house.count("load_started", SMALL) == 1
    await until(lambda: house.leases() == 0)


async def test_a_caller_is_told_that_its_model_is_being_loaded(house: House) -> None:
    await house.use(BIG)
    assert house.news == [Progress("loading_model", BIG, 6.5)]


async def test_an_idle_model_leaves_before_the_next_one_is_loaded(house: House) -> None:
    await house.use(BIG)
    await house.use(SMALL)
    assert house.loaded() == {SMALL}
    kinds = [(one.kind, one.model) for one in house.servers.rehearsal.record.events]
    assert kinds.index(("unloaded", BIG)) < kinds.index(("load_started", SMALL))
    assert house.count("evicted", BIG) == 0, "the server never had to choose"


async def test_a_leased_model_stays_while_another_is_wanted(house: House) -> None:
    async with house.vram.lease(BIG), anyio.create_task_group() as tasks:
        tasks.start_soon(house.use, SMALL)
        await until(lambda: bool(house.news))
        assert house.news == [Progress("waiting", SMALL, None, f"{BIG} must finish first")]
        assert house.loaded() == {BIG}
        tasks.cancel_scope.cancel()
    assert house.vram.status().waiting == ()


async def test_whoever_is_cancelled_while_a_model_loads_leaves_no_trace(house: House) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(house.use, BIG)
        await until(lambda: house.count("load_started", BIG) == 1)
        tasks.cancel_scope.cancel()
    await until(lambda: house.loaded() == {BIG})
    status = house.vram.status()
    assert (status.waiting, house.leases()) == ((), 0)
    assert (await house.use(BIG)).load_seconds == 0


async def test_whoever_is_cancelled_with_a_lease_gives_it_back(house: House) -> None:
    async def hold() -> None:
        async with house.vram.lease(SMALL):
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await until(lambda: house.leases() == 1)
        tasks.cancel_scope.cancel()
    await until(lambda: house.leases() == 0)


async def refused(house: House, model: str, error: type[Exception]) -> str:
    with pytest.raises(error) as refusal:
        await house.use(model)
    assert house.vram.status().waiting == ()
    return str(refusal.value)


async def test_what_is_not_installed_is_unavailable_with_the_way_to_install_it(
    house: House,
) -> None:
    sentence = await refused(house, "llama9:1b", ModelUnavailable)
    assert sentence.startswith("Model not available: llama9:1b")
    assert "ollama pull llama9:1b" in sentence


async def test_what_can_never_fit_is_refused_at_once(house: House) -> None:
    sentence = await refused(house, "gpt-oss:120b", ModelNeverFits)
    assert "14.0 GB" in sentence


async def test_a_load_that_fails_is_said_to_whoever_waited_and_can_be_tried_again(
    house: House,
) -> None:
    house.fault(Fault(kind="oom", on="load", model=SMALL))
    await refused(house, SMALL, LoadFailed)
    assert (await house.use(SMALL)).spec.name == SMALL


async def test_a_load_that_takes_too_long_is_given_up() -> None:
    async with (
        running(Rehearsal(), ollama_port=0, openai_port=0) as servers,
        at_work(
            ollama_url=servers.ollama_url,
            openai_url=servers.openai_url,
            load_timeout_seconds=0.05,
        ) as vram,
    ):
        await vram.refresh()
        await refused(House(vram, servers), SMALL, LoadFailed)


async def test_a_model_that_vanished_from_the_server_is_unavailable(house: House) -> None:
    house.fault(Fault(kind="vanish", model=SMALL, times="forever"))
    await refused(house, SMALL, ModelUnavailable)


async def test_a_server_that_is_down_is_named_and_comes_back(free_url: str) -> None:
    async with at_work(ollama_url=free_url, openai_url=free_url) as vram:
        await vram.refresh()
        assert [server.up for server in vram.status().servers] == [False, False]
        assert vram.available() == frozenset()
        with pytest.raises(BackendUnreachable) as refusal:
            async with vram.lease(SMALL):
                pass
        assert str(refusal.value).startswith(f"Failed to connect to Ollama at {free_url}")
        port = int(free_url.rsplit(":", 1)[1])
        async with running(Rehearsal(speed=100.0), ollama_port=port, openai_port=0):
            async with vram.lease(SMALL) as lease:
                assert lease.spec.name == SMALL
            await until(lambda: vram.status().servers[0].up)


async def test_a_model_on_a_server_that_is_always_loaded_needs_no_room(house: House) -> None:
    async with house.vram.lease(BIG):
        lease = await house.use("gpt-oss-120b-eagle3")
    assert lease.server.kind == "openai"
    assert lease.server.rehearsal


async def test_what_is_already_loaded_is_found_and_used_without_a_reload(house: House) -> None:
    await house.use(SMALL)
    url = house.servers
    async with at_work(ollama_url=url.ollama_url, openai_url=url.openai_url) as restarted:
        await restarted.refresh()
        assert [one.name for one in restarted.status().loaded] == [SMALL]
        async with restarted.lease(SMALL):
            pass
    assert house.count("load_started", SMALL) == 1
    assert house.count("reloaded", SMALL) == 0


async def test_an_embedding_model_is_loaded_too(house: House) -> None:
    await house.use("qwen3-embedding:4b")
    assert "qwen3-embedding:4b" in house.loaded()


async def test_installed_models_outside_the_roster_are_described_by_their_server(
    house: House,
) -> None:
    spec = house.vram.spec("deepseek-r1:70b")
    assert (spec.thinking, spec.tools, spec.kind) == ("boolean", False, "chat")
    assert spec.size_gb == pytest.approx(42 * 1.2)
    assert house.vram.spec("gpt-oss:120b").thinking == "level"
    with pytest.raises(ModelUnavailable):
        house.vram.spec("llama9:1b")


async def test_the_status_counts_uses_and_sizes(house: House) -> None:
    await house.use(SMALL)
    async with house.vram.lease(SMALL):
        model = house.vram.status().loaded[0]
    assert (model.name, model.leases, model.use_count, model.measured) == (SMALL, 1, 2, True)
    assert model.size_gb == pytest.approx(5.1)
    assert model.loaded_at is not None
    assert model.last_used is not None


@pytest.fixture
async def free_url() -> str:
    """An address nobody listens on."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    await listener.aclose()
    return f"http://127.0.0.1:{port}"
