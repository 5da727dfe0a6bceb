"""What goes on beside the orchestrator."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from brain.config import Settings
from brain.vram.fleet import Fleet
from brain.vram.keepsake import KEY
from brain.vram.memory.watch import MemoryWatch
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.servers_file import POLL_SECONDS
from brain.wiring.memory import owned
from shared.clock import ManualClock
from shared.settings import StoreSettings
from shared.store import open_store

pytestmark = pytest.mark.anyio
SECRETS = {"jwt_secret_key": "j9" * 20, "service_token": "s7" * 20}


def breaking(times: list[str], name: str) -> Callable[..., object]:
    async def breaks_first(*_: object) -> None:
        times.append(name)
        if times.count(name) == 1:
            raise RuntimeError("a fault of ours")
        await anyio.sleep_forever()

    return breaks_first


async def test_who_watches_memory_and_servers_begins_again_after_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(MemoryWatch, "run", breaking(begun, "memory"))
    monkeypatch.setattr(Fleet, "follow", breaking(begun, "fleet"))
    clock, listed = ManualClock(), tmp_path / "servers.json"
    listed.write_text("[]")
    options = VramOptions(soft_gb=10.0, hard_gb=12.0)
    vram = Orchestrator(specs={}, backends=[], options=options, clock=clock)
    settings = Settings(_env_file=None, model_servers_file=listed, **SECRETS)  # type: ignore[arg-type]  # as read
    stored = StoreSettings(store_url=f"sqlite:///{tmp_path}/store.db", _env_file=None)
    with anyio.fail_after(5):
        async with (
            open_store(stored, tables=[KEY.table], clock=clock) as store,
            owned(vram, MemoryWatch(clock=clock), settings, store=store, clock=clock),
        ):
            await clock.advance(10)
    assert sorted(begun) == ["fleet", "fleet", "memory", "memory"]


async def test_a_broken_servers_file_is_a_problem_of_the_status_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryWatch, "run", lambda *_: anyio.sleep_forever())  # it would cost time
    clock, listed = ManualClock(), tmp_path / "servers.json"
    listed.write_text("[]")
    options = VramOptions(soft_gb=10.0, hard_gb=12.0)
    vram = Orchestrator(specs={}, backends=[], options=options, clock=clock)
    settings = Settings(_env_file=None, model_servers_file=listed, **SECRETS)  # type: ignore[arg-type]  # as read
    stored = StoreSettings(store_url=f"sqlite:///{tmp_path}/store.db", _env_file=None)

    async def becomes(problems: int) -> None:
        while len(vram.status().problems) != problems:
            await clock.advance(POLL_SECONDS)
            await anyio.sleep(0.005)  # the file is read in a thread

    with anyio.fail_after(5):
        async with (
            open_store(stored, tables=[KEY.table], clock=clock) as store,
            owned(vram, MemoryWatch(clock=clock), settings, store=store, clock=clock),
        ):
            assert vram.status().problems == ()
            listed.write_text("{}")
            await becomes(1)
            (problem,) = vram.status().problems
            assert problem.endswith(
                "servers.json must be a JSON list of servers. "
                "The servers it listed before stay in use."
            )
            listed.write_text("[ ]")
            await becomes(0)


async def test_what_was_learned_last_is_kept_at_the_end(tmp_path: Path) -> None:
    clock = ManualClock()
    options = VramOptions(soft_gb=10.0, hard_gb=12.0)
    vram = Orchestrator(specs={}, backends=[], options=options, clock=clock)
    settings = Settings(_env_file=None, **SECRETS)  # type: ignore[arg-type]  # as read
    stored = StoreSettings(store_url=f"sqlite:///{tmp_path}/store.db", _env_file=None)
    with anyio.fail_after(5):
        async with open_store(stored, tables=[KEY.table], clock=clock) as store:
            async with owned(vram, MemoryWatch(clock=clock), settings, store=store, clock=clock):
                vram._core.books.breaker.crash("m", clock.now(), "out of memory")
            kept = await store.get(KEY)
    assert kept is not None
    assert "m" in kept["breaker"]
