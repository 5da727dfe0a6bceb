"""What was learned about models outlives the process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from brain.vram.keepsake import KEY, Keepsake
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from shared.clock import ManualClock
from shared.settings import StoreSettings
from shared.store import Put, Store, open_store
from shared.store.counting import CountingStore

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[CountingStore]:
    settings = StoreSettings(store_url=f"sqlite:///{tmp_path}/store.db", _env_file=None)
    async with open_store(settings, tables=[KEY.table], clock=clock) as opened:
        yield CountingStore(opened)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@asynccontextmanager
async def orchestrator(clock: ManualClock) -> AsyncIterator[Orchestrator]:
    options = VramOptions(soft_gb=10.0, hard_gb=12.0)
    vram = Orchestrator(specs={}, backends=[], options=options, clock=clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vram.run)
        await anyio.lowlevel.checkpoint()
        yield vram
        tasks.cancel_scope.cancel()


def crashed(vram: Orchestrator, clock: ManualClock) -> None:
    for _ in range(2):
        vram._core.books.breaker.crash("rnj-1:8b", clock.now(), "out of memory")


async def test_a_model_that_crashed_rests_also_after_a_restart(
    store: Store, clock: ManualClock
) -> None:
    async with orchestrator(clock) as before, orchestrator(clock) as after:
        crashed(before, clock)
        assert after.rests("rnj-1:8b") is None
        await Keepsake(store, before).keep()
        await Keepsake(store, after).recall()

        assert len(after.crashes()["rnj-1:8b"]) == 2
        assert after.rests("rnj-1:8b") is not None


async def test_nothing_is_written_while_nothing_is_new(
    store: CountingStore, clock: ManualClock
) -> None:
    async with orchestrator(clock) as vram:
        keepsake = Keepsake(store, vram)
        await keepsake.keep()
        await keepsake.keep()
        assert store.count["write"] == 1
        crashed(vram, clock)
        await keepsake.keep()
        assert store.count["write"] == 2


async def test_what_cannot_be_read_is_guessed_again(store: Store, clock: ManualClock) -> None:
    await store.write(Put(KEY, {"breaker": "no", "estimates": {"x": {"what": 1}}}))
    async with orchestrator(clock) as vram:
        with capture_logs() as logs:
            await Keepsake(store, vram).recall()
        assert [one["event"] for one in logs] == ["vram.learned_unreadable"]
        assert not vram.crashes()
