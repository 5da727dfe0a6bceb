"""The second test of a load: what the machine itself has free."""

from typing import Any

import anyio
import pytest

from brain.vram.events import Grant
from brain.vram.memory.sample import MemorySample
from brain.vram.options import VramOptions
from brain.vram.orchestrator import Orchestrator
from brain.vram.residents import Inventory
from shared.clock import ManualClock


def test_a_load_that_the_limit_allows_waits_for_memory_that_others_use(play: Any) -> None:
    play.sample(14.0)  # 6.4 GB of it are the reserve: 5 % of 128 GB
    ticket = play.ask("big")
    assert not play.loads()
    assert play.told(ticket) == [
        "other programs use the memory: 14.0 GB are free, 5.4 GB too little"
    ]
    play.sample(20.0)
    assert [load.place.model for load in play.loads()] == ["big"]


def test_the_reserve_of_the_operator_counts(new_play: Any) -> None:
    play = new_play(reserve_gb=1.0).stocked()
    play.sample(14.5)
    play.ask("big")
    assert play.loads()


def test_models_make_room_for_what_other_programs_took(play: Any) -> None:
    play.sample(30.0)
    play.leave(play.hold("small"))
    play.sample(11.0)
    play.ask("mid")
    assert [one.place.model for one in play.unloads()] == ["small"], "both fit under the limit"


def test_memory_given_back_counts_when_it_was_measured(play: Any) -> None:
    play.sample(30.0)
    play.leave(play.hold("small"))
    play.sample(11.0)
    play.ask("mid")
    play.unloaded()
    assert not play.loads(), "the newest reading is older than the unload"
    play.sample(16.0)
    assert [load.place.model for load in play.loads()] == ["mid"]


def test_a_load_since_the_last_reading_is_taken_off_it(play: Any) -> None:
    play.sample(20.0)
    play.ask("mid")
    play.loaded()
    play.ask("small")
    assert [load.place.model for load in play.loads()] == ["mid"], "20 less 9 less 6.4 is under 5"


def test_memory_that_cannot_be_read_holds_loads_back_and_says_so(play: Any) -> None:
    play.sample(None)
    ticket = play.ask("small")
    assert not play.loads()
    assert play.told(ticket) == ["the free memory of this machine is not known now"]
    play.sample(100.0)
    assert play.loads()


def test_memory_that_cannot_be_read_changes_no_model(play: Any) -> None:
    play.hold("small")
    before = repr(play.core.books.residents)
    for _ in range(30):
        play.sample(None)
    assert repr(play.core.books.residents) == before
    assert play.ask("small") in play.granted()


def test_what_is_larger_than_the_machine_is_refused_for_good(new_play: Any) -> None:
    play = new_play(hard_gb=200.0).stocked()
    play.sample(60.0, total_gb=64.0)
    ticket = play.ask("giant")
    failure = play.rejected()[ticket]
    assert (failure.cause, failure.ceiling_gb) == ("never_fits", pytest.approx(64 - 3.2))


def test_what_others_always_take_is_taken_for_good_after_ten_minutes(new_play: Any) -> None:
    play = new_play(hard_gb=200.0).stocked()
    for _ in range(11):
        play.sample(30.0, seconds=60.0)
        waiting = play.ask("giant")
        if waiting in play.rejected():
            break
        play.leave(waiting)
    assert play.rejected()[waiting].ceiling_gb == pytest.approx(128 - 6.4 - 98)


def test_scripted_models_take_no_memory_of_the_machine(play: Any) -> None:
    play.snapshot(Inventory(play.core.books.servers["ollama"].inventory.installed, {}, True))
    play.sample(8.0)
    play.hold("big")


def test_nor_do_they_begin_when_the_reserve_is_in_use(play: Any) -> None:
    play.snapshot(Inventory(play.core.books.servers["ollama"].inventory.installed, {}, True))
    play.sample(6.0)
    play.ask("small")
    assert not play.loads()


def test_with_memory_of_its_own_an_accelerator_is_what_counts(play: Any) -> None:
    play.sample(5.0, kind="discrete", gpu_total_gb=24.0, gpu_free_gb=20.0)
    play.core.books.machine.pressure.pressing = play.core.books.machine.pressure.level
    play.sample(100.0, kind="discrete", gpu_total_gb=24.0, gpu_free_gb=10.0)
    play.ask("mid")
    assert not play.loads()


def test_a_measured_size_is_reserved_the_next_time(play: Any) -> None:
    ticket = play.ask("small")
    play.loaded(measured_gb=7.0)
    play.leave(ticket)
    play.leave(play.hold("mid"))
    play.ask("small")
    play.unloaded()
    assert play.core.books.charged_gb() == 7.0


def test_a_peak_is_forgotten_slowly(play: Any) -> None:
    play.ask("small")
    play.loaded(measured_gb=8.0)
    installed = play.core.books.servers["ollama"].inventory.installed
    play.at += 600
    play.snapshot(Inventory(installed, {"small": 6.0}))
    assert play.core.books.charged_gb() == pytest.approx(7.0, abs=0.01)


def test_nobody_is_told_a_wait_that_is_over(play: Any) -> None:
    play.hold("small")
    assert all(isinstance(one, Grant) for one in play.effects)


def test_one_victim_is_waited_for_before_another_is_taken(play: Any) -> None:
    play.sample(30.0)
    play.leave(play.hold("small"))
    play.leave(play.hold("tiny"))
    play.sample(11.0)
    play.ask("mid")  # 4.4 GB too little, and small has 5
    play.unloaded()
    play.tick()
    assert [one.place.model for one in play.unloads()] == ["small"]


def test_a_server_not_seen_yet_may_be_a_stand_in_so_a_small_machine_is_no_final_no(
    new_play: Any,
) -> None:
    play = new_play()
    play.sample(6.0, total_gb=8.0)
    play.snapshot(None, problem="nothing answers there")
    early = play.ask("big")
    assert play.rejected()[early].cause == "unreachable", "it may be asked for again"
    play.snapshot(Inventory(play.roster, {}, rehearsal=True))
    play.ask("big")
    assert [load.place.model for load in play.loads()] == ["big"]


def test_a_probe_asks_for_no_more_room_beside_it_than_the_machine_can_have(new_play: Any) -> None:
    play = new_play(hard_gb=109.0).stocked()
    for _ in range(2):
        play.core.books.breaker.crash("mid", play.at, "out of memory")
    play.at += 100
    play.sample(30.0)
    play.ask("mid")
    assert [load.place.model for load in play.loads()] == ["mid"], "20 GB beside it there never are"


def test_memory_that_stays_unknown_ends_the_wait_after_ten_minutes(play: Any) -> None:
    play.sample(None)
    ticket = play.ask("small")
    play.tick(590.0)
    assert ticket not in play.rejected()
    play.tick(10.0)
    assert play.rejected()[ticket].cause == "failed"


class SetBack(ManualClock):
    """A machine whose clock is set back by an hour."""

    by = 0.0

    def now(self) -> float:
        return super().now() + self.by


async def test_readings_go_on_in_order_when_the_clock_is_set_back() -> None:
    clock = SetBack()
    options = VramOptions(soft_gb=12.0, hard_gb=14.0)
    vram = Orchestrator(specs={}, backends=[], options=options, clock=clock)
    read: list[float] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vram.run)
        for by in (0.0, -3600.0):
            clock.by = by
            await clock.advance(1)
            vram.observe(MemorySample(clock.now(), total_gb=64.0, available_gb=32.0))
            await anyio.wait_all_tasks_blocked()
            sample = vram.status().memory
            assert sample is not None
            read.append(sample.at)
        tasks.cancel_scope.cancel()
    assert read[1] - read[0] == 1.0
