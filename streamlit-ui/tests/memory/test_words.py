"""What the memory page says, from the brain's JSON."""

from datetime import UTC
from typing import Any

from ui.memory import words

Json = dict[str, Any]


def model(name: str = "gpt-oss:20b", **fields: Any) -> Json:
    return {
        "name": name,
        "server": "ollama",
        "state": "ready",
        "size_gb": 13.0,
        "measured": True,
        "priority": "HIGH",
        "leases": 0,
        "idle_seconds": 12.0,
    } | fields


def status(**fields: Any) -> Json:
    memory = {
        "model_usage_gb": 13.0,
        "available_gb": 100.0,
        "total_gb": 128.0,
        "psi_some_avg10": 1.0,
        "psi_full_avg10": 0.5,
        "problem": "",
    }
    return {
        "orchestrator_enabled": True,
        "memory": memory | fields.pop("memory", {}),
        "limits": {"soft_gb": 100.0, "hard_gb": 110.0},
        "pressure": {"level": "calm", "reason": ""},
        "loaded_models": [],
        "loading": [],
        "waiting": [],
        "servers": [],
        "decisions": [],
        "circuit_breaker": {"models": {}},
    } | fields


def plan(**fields: Any) -> Json:
    return {
        "model": "gpt-oss:120b",
        "server": "ollama",
        "fits": False,
        "need_gb": 76.0,
        "free_gb": 20.0,
        "would_evict": [],
        "runner_up": [],
        "would_wait_for": [],
        "why": "",
    } | fields


def test_spans_are_in_the_unit_a_person_would_use() -> None:
    told = [words.span(each) for each in (0.4, 99, 100, 5999, 6000, None)]
    assert told == ["0 s", "99 s", "2 min", "100 min", "1.7 h", "?"]


def test_the_room_names_the_limit_and_what_is_free() -> None:
    said = words.room(status())
    assert (
        said == "Models take 13.0 GB of the 110.0 GB they may have. 100.0 GB of 128.0 GB are free."
    )


def test_with_the_orchestrator_off_no_limit_is_named() -> None:
    said = words.room(status(orchestrator_enabled=False))
    assert "110" not in said
    assert "no limit holds" in said


def test_memory_that_cannot_be_read_is_not_called_full_or_free() -> None:
    said = words.room(status(memory={"available_gb": None, "problem": "no such file"}))
    assert said.endswith("How much memory is free is not known: no such file.")


def test_pressure_has_its_reason_where_there_is_one() -> None:
    assert "Pressure is" not in words.pressure(status())
    said = words.pressure(status(pressure={"level": "warn", "reason": "stalls"}))
    assert said.endswith("all of them 0.5 %. Pressure is warn (stalls).")


def test_a_model_that_nobody_uses_says_how_long() -> None:
    lines = words.model_lines(status(loaded_models=[model()]))
    (line,) = lines.values()
    said = "**gpt-oss:20b** · ready · 13.0 GB measured · high priority · idle for 12 s · on ollama"
    assert line == said


def test_a_model_in_use_says_by_how_many() -> None:
    lines = words.model_lines(status(loaded_models=[model(leases=2, measured=False)]))
    (line,) = lines.values()
    assert "13.0 GB estimated" in line
    assert "used by 2 answers" in line
    assert "idle" not in line


def test_one_model_on_two_servers_is_two_lines() -> None:
    both = [model(), model(server="other")]
    assert len(words.model_lines(status(loaded_models=both))) == 2


def test_those_who_wait_for_the_same_are_one_line() -> None:
    waits = {"model": "gpt-oss:120b", "detail": "gpt-oss:20b answers"}
    assert words.waiting_lines(status(waiting=[waits, waits])) == [
        "2 answers wait for **gpt-oss:120b**: gpt-oss:20b answers"
    ]


def test_only_models_of_servers_that_answer_can_be_chosen() -> None:
    up = {"up": True, "models": ["b", "a"]}
    down = {"up": False, "models": ["c"]}
    assert words.known_models(status(servers=[up, down], loaded_models=[model("d")])) == [
        "a",
        "b",
        "d",
    ]


def test_a_plan_that_fits_names_nobody_who_leaves() -> None:
    lines = words.plan_lines(plan(fits=True, free_gb=90.0, why="there is room"))
    assert lines == [
        "gpt-oss:120b needs 76.0 GB on ollama; 90.0 GB are free.",
        "Why: there is room.",
    ]


def test_a_plan_says_who_would_leave_and_what_it_would_wait_for() -> None:
    lines = words.plan_lines(
        plan(
            would_evict=[{"model": "deepseek-r1:70b", "size_gb": 42.0, "reason": "idle"}],
            would_wait_for=["rnj-1:8b"],
            runner_up=["gpt-oss:20b"],
        )
    )
    assert lines[0].endswith("20.0 GB are free, so others have to leave first.")
    assert "deepseek-r1:70b (42.0 GB) would leave: idle." in lines
    assert "It would wait for rnj-1:8b." in lines
    assert "The next best choice would be gpt-oss:20b." in lines


def test_a_model_that_is_there_needs_no_plan() -> None:
    lines = words.plan_lines(plan(why="it is in memory"))
    assert lines == ["gpt-oss:120b is in memory already (76.0 GB)."]


def test_a_model_in_use_is_unloaded_later() -> None:
    said = words.unloaded_line({"model": "a", "state": "draining"})
    assert said == "a is in use; it leaves after the answers that use it."


def test_a_model_held_back_says_until_when_and_why() -> None:
    one = {
        "state": "open",
        "crashes": 2,
        "retry_at": "2026-11-21T12:00:05+00:00",
        "reason": "out of memory.",
    }
    told = words.held_back(status(circuit_breaker={"models": {"a": one}}), UTC)
    assert told == {"a": "held back until 12:00:05 (2 crashes): out of memory."}


def test_one_crash_alone_holds_nothing_back() -> None:
    one = {"state": "closed", "crashes": 1, "retry_at": None, "reason": ""}
    told = words.held_back(status(circuit_breaker={"models": {"a": one}}), UTC)
    assert told == {"a": "1 crash of late; it may be loaded."}


def test_decisions_say_who_left_for_whom() -> None:
    decision = {
        "at": "2026-11-21T12:00:05+00:00",
        "kind": "swap",
        "model": "gpt-oss:120b",
        "victims": ["deepseek-r1:70b"],
        "reason": "least needed",
    }
    assert words.decision_lines(status(decisions=[decision]), UTC) == [
        "12:00:05 · swap, deepseek-r1:70b left for gpt-oss:120b: least needed"
    ]


def test_books_that_agree_are_said_to() -> None:
    report: Json = {"cleaned_models": [], "adopted_models": []}
    assert words.reconciled_line(report) == "Our books and the servers agree."
    assert words.reconciled_line(report | {"adopted_models": ["a", "b"]}) == (
        "Found on the servers: a, b."
    )
