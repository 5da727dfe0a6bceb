"""The set after which the least loading is to be expected."""

from itertools import product

import pytest

from brain.catalogue.models import Priority
from brain.vram.policies.planner import SetPlanner, Values, problem, solve
from brain.vram.policies.view import Held, Known, View
from brain.vram.residents import Place
from memory_views import chosen, held, names, place, view

PLANNER = SetPlanner()


def known(name: str, gb: float, *, priority: Priority = Priority.NORMAL) -> Known:
    return Known(place(name), gb, gb / 2, priority)


def planned(*zoo: Known, capacity_gb: float, rates: dict[str, float], **follows: str) -> Values:
    """Values of a zoo; `follows` says what was always used after what."""
    after = {place(one): {place(other): 1000.0} for one, other in follows.items()}
    return solve(
        problem(zoo, capacity_gb, {place(one): rate for one, rate in rates.items()}, after)
    )


def full(wanted: Known, *models: Held, capacity_gb: float) -> View:
    need = sum(one.gb for one in models) + wanted.gb - capacity_gb
    return View(0.0, capacity_gb, wanted, need, models)


ZOO = (known("a", 10), known("b", 10), known("c", 10))


def test_what_is_seldom_used_leaves() -> None:
    values = planned(*ZOO, capacity_gb=20, rates={"a": 0.1, "b": 0.01, "c": 0.05})
    seen = full(ZOO[2], held("a", 10, used=1), held("b", 10, used=2), capacity_gb=20)
    assert names(PLANNER.choose(seen, values)) == ["b"]


def test_what_always_follows_stays_although_it_is_used_less() -> None:
    rates = {"a": 0.05, "b": 0.02, "c": 0.05}
    seen = full(ZOO[2], held("a", 10), held("b", 10), capacity_gb=20)
    values = planned(*ZOO, capacity_gb=20, rates=rates, c="b", b="c")
    assert names(PLANNER.choose(seen, values)) == ["a"]
    assert names(PLANNER.choose(seen, planned(*ZOO, capacity_gb=20, rates=rates))) == ["b"]


def test_what_comes_next_depends_on_the_model_that_is_being_loaded() -> None:
    zoo = (*ZOO, known("d", 10))
    rates = dict.fromkeys("abcd", 0.05)
    values = planned(*zoo, capacity_gb=20, rates=rates, c="a", d="b", a="c", b="d")
    models = (held("a", 10), held("b", 10))
    assert names(PLANNER.choose(full(zoo[2], *models, capacity_gb=20), values)) == ["b"]
    assert names(PLANNER.choose(full(zoo[3], *models, capacity_gb=20), values)) == ["a"]


def test_a_high_priority_is_worth_four_times_its_loading() -> None:
    high = known("a", 10, priority=Priority.HIGH)
    values = planned(high, *ZOO[1:], capacity_gb=20, rates={"a": 0.04, "b": 0.08, "c": 0.05})
    seen = full(ZOO[2], held("a", 10, priority=Priority.HIGH), held("b", 10), capacity_gb=20)
    assert names(PLANNER.choose(seen, values)) == ["b"]


def test_one_that_nobody_waits_for_leaves_before_a_cheaper_one_that_somebody_does() -> None:
    values = planned(*ZOO, capacity_gb=20, rates={"a": 0.1, "b": 0.01, "c": 0.05})
    seen = full(ZOO[2], held("a", 10), held("b", 10, wanted=1), capacity_gb=20)
    assert names(PLANNER.choose(seen, values)) == ["a"]


def test_a_model_that_the_values_do_not_know_leaves_first() -> None:
    values = planned(*ZOO, capacity_gb=20, rates={"a": 0.1, "b": 0.01, "c": 0.05})
    seen = full(ZOO[2], held("stranger", 10), held("a", 5), held("b", 5), capacity_gb=20)
    assert names(PLANNER.choose(seen, values)) == ["stranger"]


def test_for_a_model_that_the_values_do_not_know_room_is_made_as_well() -> None:
    values = planned(*ZOO, capacity_gb=20, rates={"a": 0.1, "b": 0.01, "c": 0.05})
    seen = full(known("new", 10), held("a", 10), held("b", 10), capacity_gb=20)
    assert names(PLANNER.choose(seen, values)) == ["b"]


def test_without_values_the_choice_is_gdsfs() -> None:
    choice = PLANNER.choose(view(held("a", 5), held("b", 5), need=5, rates={"a": 1.0}))
    assert choice is not None
    assert (choice.policy, names(choice)) == ("gdsf", ["b"])


def test_a_zoo_with_too_many_sets_has_no_values_and_still_a_choice() -> None:
    many = [known(str(number), 1) for number in range(15)]
    values = planned(*many, capacity_gb=15, rates={})
    assert values.sets is None
    assert chosen(PLANNER, view(held("1", 1), need=1)) == ["1"]
    assert names(PLANNER.choose(view(held("1", 1), need=1), values)) == ["1"]


def test_models_that_never_leave_or_never_fit_are_no_part_of_the_plan() -> None:
    zoo = (known("pinned", 5, priority=Priority.CRITICAL), known("huge", 50), known("a", 5))
    assert [one.place.model for one in problem(zoo, 20, {}).zoo] == ["a"]


def test_the_runner_up_costs_more() -> None:
    values = planned(*ZOO, capacity_gb=20, rates={"a": 0.1, "b": 0.01, "c": 0.05})
    seen = full(ZOO[2], held("a", 10), held("b", 10), capacity_gb=20)
    choice = PLANNER.choose(seen, values)
    assert choice is not None
    assert choice.runner_up == (place("a"),)
    assert choice.runner_up_cost is not None
    assert choice.runner_up_cost > choice.cost


def test_a_warm_start_gives_the_same_values() -> None:
    rates = {place("a"): 0.1, place("b"): 0.01, place("c"): 0.05}
    before = planned(*ZOO, capacity_gb=20, rates={"a": 0.01, "b": 0.1, "c": 0.05})
    plan = problem(ZOO, 20, rates)
    warm, cold = solve(plan, before), solve(plan)
    assert warm.future == pytest.approx(cold.future, abs=1.0)


def test_the_values_are_those_of_every_policy_tried() -> None:
    """Three models of which two fit: all eight policies, each followed for ever."""
    rates = {"a": 0.2, "b": 0.5, "c": 0.3}
    values = planned(*ZOO, capacity_gb=20, rates=rates)
    chances = [dict(zip("abc", row, strict=True)) for row in values.problem.chances]
    pairs = [frozenset("ab"), frozenset("ac"), frozenset("bc")]
    best: dict[tuple[frozenset[str], str], float] = {}
    for victims in product(*(sorted(pair) for pair in pairs)):
        leaves = dict(zip(pairs, victims, strict=True))
        cost = _followed(leaves, dict(zip("abc", chances, strict=True)))
        for state, seconds in cost.items():
            best[state] = min(best.get(state, seconds), seconds)
    seen = full(ZOO[2], held("a", 10), held("b", 10), capacity_gb=20)
    keeps = {"a": best[frozenset("ac"), "c"], "b": best[frozenset("bc"), "c"]}
    leaving = "b" if keeps["a"] < keeps["b"] else "a"
    assert names(PLANNER.choose(seen, values)) == [leaving]
    gap = keeps["a"] - keeps["b"]
    column = [one.place for one in values.problem.zoo].index(place("c"))
    sets = values.sets
    assert sets is not None
    rows = [sets.bits.tolist().index(bits) for bits in (0b101, 0b110)]
    found = values.future[rows[0], column] - values.future[rows[1], column]
    assert found == pytest.approx(gap, abs=0.5)


def _followed(
    leaves: dict[frozenset[str], str], chances: dict[str, dict[str, float]]
) -> dict[tuple[frozenset[str], str], float]:
    """Discounted seconds of loading from every full memory when these always leave."""
    states = [(pair, last) for pair in leaves for last in sorted(pair)]
    cost = dict.fromkeys(states, 0.0)
    for _ in range(400):
        after = {}
        for pair, last in states:
            total = 0.0
            for name, chance in chances[last].items():
                miss = name not in pair
                then = (pair - {leaves[pair]}) | {name} if miss else pair
                total += 0.95 * chance * (5.0 * miss + cost[then, name])
            after[pair, last] = total
        cost = after
    return cost


def test_places_of_two_servers_are_told_apart() -> None:
    here, there = Place("here", "m"), Place("there", "m")
    zoo = (Known(here, 10, 5, Priority.NORMAL), Known(there, 10, 5, Priority.NORMAL), ZOO[2])
    values = solve(problem(zoo, 20, {here: 0.1, there: 0.01, place("c"): 0.05}))
    models = (
        held("m", 10)._replace(place=here),
        held("m", 10)._replace(place=there),
    )
    choice = PLANNER.choose(full(ZOO[2], *models, capacity_gb=20), values)
    assert choice is not None
    assert choice.victims == (there,)
