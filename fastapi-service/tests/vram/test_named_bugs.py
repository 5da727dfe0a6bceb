"""
Bugs that other schedulers of models shipped, each as the story that shows it.

Every story is played twice: on our core, where it must end well, and on a naive scheduler that
makes the mistake (`memory_world.naive`), where it must not, or it would show nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from brain.vram.events import Failure
from memory_world.naive import Careless, Counting, Draining, OneLock, Tripping, Trusting
from memory_world.stage import BROKEN, Maker, Stage, core

Story = Callable[[Stage], None]
FORGETS = partial(Careless, keeps_seconds=60.0)
KEEPS_A_MINUTE = partial(core, keep_alive_seconds=60.0)


@dataclass(frozen=True)
class Bug:
    """Where it was seen, and the story."""

    source: str
    story: Story
    naive: Maker
    ours: Maker
    hard_gb: float
    loaded: dict[str, float]

    def __str__(self) -> str:
        return f"{self.source} {self.story.__name__}".replace(" ", "_")


BUGS: list[Bug] = []


def bug(
    source: str,
    naive: Maker,
    *,
    ours: Maker = core,
    hard_gb: float = 14.0,
    loaded: dict[str, float] | None = None,
) -> Callable[[Story], Story]:
    def add(story: Story) -> Story:
        BUGS.append(Bug(source, story, naive, ours, hard_gb, loaded or {}))
        return story

    return add


# ------------------------------------------------------------ Ollama


@bug("ollama#17408, #17515", Counting)
def new_requests_keep_a_victim_alive_for_ever(stage: Stage) -> None:
    holder = stage.hold("big")
    waiting = stage.ask("small")
    for _ in range(50):
        before, holder = holder, stage.ask("big")
        stage.leave(before)
        stage.settle()
    assert waiting in stage.granted


@bug("ollama PR#14407", Counting)
def an_unload_under_continuous_load_never_happens(stage: Stage) -> None:
    holder = stage.hold("big")
    stage.unload("big")
    for _ in range(20):
        before, holder = holder, stage.ask("big")
        stage.leave(before)
        if stage.unloaded:
            return
    assert stage.unloaded == ["big"]


@bug("ollama#14578, PR#15126", Counting)
def a_load_that_must_wait_blocks_one_that_need_not(stage: Stage) -> None:
    stage.hold("mid")
    stage.ask("big")
    tiny = stage.ask("tiny")
    stage.settle()
    assert tiny in stage.granted


@bug("ollama#17309", Counting)
def the_end_of_one_unload_is_taken_for_that_of_another(stage: Stage) -> None:
    stage.use("mid")
    stage.use("small")
    stage.ask("big")
    assert sorted(stage.unloaded) == ["mid", "small"]
    stage.unload_ends()
    assert stage.most_gb <= 14.0


@bug("ollama#18282", Careless)
def a_model_that_never_fits_drives_out_everything_again_and_again(stage: Stage) -> None:
    stage.use("big")
    for _ in range(3):
        giant = stage.ask("giant")
        assert stage.refused[giant] == "never_fits"
    assert stage.unloaded == []


# ------------------------------------------------------------ llama-swap, llama.cpp


@bug("llama-swap#946", Counting)
def a_request_during_an_unload_waits_for_ever(stage: Stage) -> None:
    stage.use("big")
    small = stage.ask("small")
    back = stage.ask("big")  # it is just leaving
    stage.settle()
    stage.leave(small)
    stage.settle()
    assert back in stage.granted


@bug("llama-swap fifo.go, no bound", Counting)
def a_steady_stream_starves_whoever_needs_another_model(stage: Stage) -> None:
    holders = [stage.hold("big")]
    stage.ask("small")
    late = [stage.ask("big") for _ in range(12)]
    overtaking = [ticket for ticket in late if ticket in stage.granted]
    assert len(overtaking) <= 8
    for ticket in [*holders, *overtaking]:
        stage.leave(ticket)
    stage.settle()
    assert stage.loaded[:2] == ["big", "small"]


@bug("llama-swap design.md, grants not received", Counting)
def a_caller_who_left_before_its_grant_is_counted_for_ever(stage: Stage) -> None:
    gone = stage.ask("big")
    stage.leave(gone)
    stage.settle()
    small = stage.ask("small")
    stage.settle()
    assert gone not in stage.granted
    assert small in stage.granted


@bug("llama.cpp#21678; O3", Careless)
def a_model_leaves_while_it_answers(stage: Stage) -> None:
    holder = stage.hold("big")
    waiting = stage.ask("small")
    stage.settle()
    assert stage.unloaded == []
    stage.leave(holder)
    stage.settle()
    assert waiting in stage.granted


@bug("llama.cpp PR#26572", Careless)
def whoever_gave_up_waiting_still_gets_a_model(stage: Stage) -> None:
    stage.hold("big")
    gone = stage.ask("small")
    stage.leave(gone)
    stage.leave(1)
    stage.settle()
    assert "small" not in stage.loaded
    assert gone not in stage.granted


@bug("a drain that is called off", Draining)
def nobody_wakes_those_who_waited_for_a_drain_that_ended(stage: Stage) -> None:
    stage.hold("big")
    small = stage.ask("small")
    late = [stage.ask("big") for _ in range(9)]
    assert late[-1] not in stage.granted, "small is next"
    stage.leave(small)
    assert late[-1] in stage.granted


@bug("vLLM sleep level 1 on unified memory", Careless, ours=partial(core, sleeps=True))
def a_model_that_sleeps_counts_as_gone(stage: Stage) -> None:
    stage.naps = True
    stage.use("mid")
    stage.ask("big")
    stage.unload_ends()
    assert stage.most_gb <= 14.0


@bug("vLLM sleep mode=abort, SGLang's assertion", Careless, ours=partial(core, sleeps=True))
def a_model_is_put_to_sleep_while_it_answers(stage: Stage) -> None:
    stage.hold("mid")
    stage.ask("big")
    assert stage.unloaded == []


# ------------------------------------------------------------ LM Studio


@bug("LM Studio#1751", partial(Careless, one_load_for_all=False))
def four_first_requests_load_four_copies(stage: Stage) -> None:
    tickets = [stage.ask("tiny") for _ in range(4)]
    assert stage.loaded == ["tiny"]
    stage.settle()
    assert stage.granted == tickets


@bug(
    "LM Studio#634",
    partial(Careless, keeps_seconds=60.0),
    ours=partial(core, keep_alive_seconds=60.0),
)
def a_request_after_its_time_was_up_loads_beside_the_copy_that_leaves(stage: Stage) -> None:
    stage.use("big")
    stage.pass_time(100)
    assert stage.unloaded == ["big"]
    ticket = stage.ask("big")
    assert not stage.loads, "the first copy has not left yet"
    stage.settle()
    assert ticket in stage.granted


@bug(
    "LM Studio#671, #1796",
    partial(Careless, keeps_seconds=60.0),
    ours=partial(core, keep_alive_seconds=60.0),
)
def the_time_to_keep_a_model_runs_while_it_answers(stage: Stage) -> None:
    holder = stage.hold("big")
    stage.pass_time(300)
    assert stage.unloaded == []
    stage.leave(holder)
    stage.pass_time(50)
    assert stage.unloaded == []
    stage.pass_time(20)
    assert stage.unloaded == ["big"]


@bug("LM Studio#2051", Careless, loaded={"big": 13.0})
def what_was_loaded_by_hand_is_not_counted(stage: Stage) -> None:
    stage.ask("small")
    stage.settle()
    assert stage.most_gb <= 14.0
    assert "small" in stage.memory


# ------------------------------------------------------------ pressure


@bug("earlyoom#121", Careless, hard_gb=30.0)
def several_are_sent_out_where_one_was_enough(stage: Stage) -> None:
    for model in ("mid", "small", "tiny"):
        stage.use(model)
    stage.sample(available=30.0)
    for _ in range(4):
        stage.sample(available=1.0)
    assert len(stage.unloaded) == 1, "its memory is not back yet"


@bug("main.py:85 (O4)", partial(Careless, looks_every_seconds=2000.0), hard_gb=30.0)
def pressure_is_answered_half_a_minute_late(stage: Stage) -> None:
    stage.use("mid")
    stage.sample(available=30.0)
    for _ in range(5):
        stage.sample(available=1.0, stalls=40.0, refaults=stage.tickets)
    assert stage.unloaded == ["mid"]


@bug("unsloth#10705, vllm#35313", Careless)
def the_reading_of_a_model_file_is_taken_for_shortness(stage: Stage) -> None:
    stage.use("small")
    stage.ask("tiny")
    for number in range(6):
        stage.sample(available=25.0, stalls=30.0, refaults=1000 * number)
    assert stage.unloaded == []


@bug("unified_memory_monitor.py (O6)", Careless)
def a_memory_that_cannot_be_read_is_taken_for_28_free_gigabytes(stage: Stage) -> None:
    stage.sample()
    stage.sample(available=None)
    waiting = stage.ask("small")
    assert stage.loaded == []
    stage.sample()
    stage.settle()
    assert waiting in stage.granted


# ------------------------------------------------------------ the first attempt at this product


@bug("orchestrator.py, partial eviction", Careless)
def some_are_sent_out_and_then_there_is_no_room_all_the_same(stage: Stage) -> None:
    stage.use("small")
    stage.hold("mid")
    stage.ask("big")
    assert stage.unloaded == []
    assert stage.most_gb <= 14.0


@bug("orchestrator.py, registered before it is loaded (O5)", Careless)
def a_model_is_given_out_that_is_not_there_yet(stage: Stage) -> None:
    tickets = [stage.ask("small"), stage.ask("small")]
    assert stage.granted == []
    stage.load_ends(failure=BROKEN)
    assert stage.granted == []
    assert sorted(stage.refused) == tickets


@bug("orchestrator.py, failed unloads", Careless)
def an_unload_that_failed_counts_as_done(stage: Stage) -> None:
    stage.use("big")
    stage.ask("small")
    stage.unload_ends(failure=BROKEN)
    stage.settle()
    assert stage.most_gb <= 14.0


@bug("orchestrator.py, no trim", Careless, ours=partial(core, policy="lru"), hard_gb=20.0)
def a_small_victim_leaves_although_a_larger_one_is_enough(stage: Stage) -> None:
    stage.use("small")
    stage.use("mid")
    stage.ask("big")
    assert stage.unloaded == ["mid"]


@bug("orchestrator.py, one lock", OneLock, ours=partial(core, policy="lru"))
def what_is_in_memory_waits_behind_a_swap(stage: Stage) -> None:
    stage.use("tiny")
    stage.use("mid")
    stage.ask("small")
    assert stage.unloaded == ["tiny"]
    assert stage.ask("mid") in stage.granted


@bug("orchestrator.py, soft limit", Counting, ours=partial(core, soft_gb=12.0))
def nobody_ever_goes_back_to_the_soft_limit(stage: Stage) -> None:
    stage.use("mid")
    stage.use("small")
    stage.pass_time(400)
    stage.settle()
    assert sum(stage.memory.values()) <= 12.0


@bug("reconcile, no crash recorded", Careless)
def a_model_that_died_is_still_held_by_whoever_used_it(stage: Stage) -> None:
    holder = stage.hold("big")
    stage.memory.clear()
    stage.look()
    stage.look()
    assert stage.lost == [holder]


@bug("gpustack scheduler.py, stale snapshots", Trusting)
def an_old_answer_brings_a_model_back_that_has_left(stage: Stage) -> None:
    stage.use("big")
    asked = stage.version()
    stage.ask("small")
    stage.settle()
    stage.memory["big"] = 13.0
    stage.look(version=asked)  # what was so when it was asked
    del stage.memory["big"]
    assert stage.ask("big") not in stage.granted


@bug("reconcile, an error is no answer (O5)", Careless)
def a_failed_answer_is_read_as_nothing_loaded(stage: Stage) -> None:
    stage.use("big")
    stage.look(answers=False)
    stage.ask("small")
    stage.settle()
    assert stage.most_gb <= 14.0


@bug("reconcile, models on their way", Careless)
def a_model_that_is_being_loaded_is_cleaned_away(stage: Stage) -> None:
    stage.ask("mid")
    stage.look()
    again = stage.ask("mid")
    assert stage.loaded == ["mid"]
    stage.settle()
    assert again in stage.granted


@bug("reconcile, one direction only (O7)", Careless)
def a_model_that_came_by_itself_takes_no_memory(stage: Stage) -> None:
    stage.memory["big"] = 13.0
    stage.look()
    stage.ask("small")
    stage.settle()
    assert stage.most_gb <= 14.0


@bug("breaker without a rest", Careless, hard_gb=40.0)
def a_model_that_crashes_drives_out_20_gb_with_every_request(stage: Stage) -> None:
    stage.use("big")
    stage.use("mid")
    crash_twice(stage)
    for _ in range(5):
        stage.ask("small")
    assert stage.loaded.count("small") == 2
    assert stage.unloaded == []


# ------------------------------------------------------------ breakers


def crash_twice(stage: Stage) -> None:
    for _ in range(2):
        stage.ask("small")
        stage.load_ends(failure=BROKEN)
        stage.look()


@bug("purgatory, half open", partial(Tripping, one_probe=False))
def every_caller_is_a_probe(stage: Stage) -> None:
    crash_twice(stage)
    stage.pass_time(60)
    for _ in range(3):
        stage.ask("small")
    assert stage.loaded.count("small") == 3


@bug("resilience4j#903", partial(Tripping, one_probe=True))
def a_probe_that_does_not_come_back_keeps_it_half_open_for_ever(stage: Stage) -> None:
    crash_twice(stage)
    stage.pass_time(60)
    stage.ask("small")
    stage.load_ends(failure=Failure("failed", "it took too long", "one"))
    stage.look()
    stage.pass_time(100)
    stage.ask("small")
    assert stage.loaded.count("small") == 4


# ------------------------------------------------------------


@pytest.mark.parametrize("one", BUGS, ids=str)
def test_ours_does_not_have(one: Bug) -> None:
    one.story(Stage(one.ours, hard_gb=one.hard_gb, loaded=one.loaded))


@pytest.mark.parametrize("one", BUGS, ids=str)
def test_the_naive_version_has(one: Bug) -> None:
    with pytest.raises((AssertionError, KeyError)):
        one.story(Stage(one.naive, hard_gb=one.hard_gb, loaded=one.loaded))
