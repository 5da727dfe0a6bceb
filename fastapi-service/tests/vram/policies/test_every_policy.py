"""What every policy promises, for any memory."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.catalogue.models import Priority
from brain.vram.policies.choice import PolicyName, policy_named
from brain.vram.policies.planner import SetPlanner, problem, solve
from brain.vram.policies.view import Choice, Held, Known, View, disturbance
from brain.vram.residents import Place

NAMES: tuple[PolicyName, ...] = ("planner", "gdsf", "lru", "documents")
EVICTABLE = (Priority.LOW, Priority.NORMAL, Priority.HIGH)

models = st.lists(
    st.builds(
        Held,
        place=st.just(Place("s", "")),
        gb=st.floats(0.5, 80),
        priority=st.sampled_from(EVICTABLE),
        reload_seconds=st.floats(1, 60),
        used_order=st.integers(0, 20),
        used_at=st.none(),
        uses=st.just(1),
        leased=st.booleans(),
        wanted=st.integers(0, 1),
    ),
    min_size=1,
    max_size=7,
).map(lambda held: tuple(one._replace(place=Place("s", str(n))) for n, one in enumerate(held)))


@st.composite
def views(draw: st.DrawFn) -> View:
    held = draw(models)
    total = sum(one.gb for one in held)
    need = draw(st.floats(0.1, 1.2 * total))
    wanted = Known(Place("s", "wanted"), need, 10.0, Priority.NORMAL)
    rates = {one.place: draw(st.floats(0, 0.1)) for one in held}
    return View(0.0, total, wanted, need, held, rates)


def decide(name: PolicyName, view: View) -> Choice | None:
    """The planner with values of exactly this memory."""
    policy = policy_named(name)
    if not isinstance(policy, SetPlanner):
        return policy.choose(view)
    zoo = [Known(one.place, one.gb, one.reload_seconds, one.priority) for one in view.held]
    plan = problem([*zoo, view.wanted], view.capacity_gb, view.rates)
    return policy.choose(view, solve(plan))


def freed(view: View, victims: tuple[Place, ...]) -> float:
    size = {one.place: one.gb for one in view.held}
    return sum(size[place] for place in victims)


@pytest.mark.parametrize("name", NAMES)
@given(view=views())
def test_a_choice_is_complete_or_none(name: PolicyName, view: View) -> None:
    choice = decide(name, view)
    if choice is None:
        assert sum(one.gb for one in view.held) < view.need_gb
        return
    assert len(set(choice.victims)) == len(choice.victims)
    assert freed(view, choice.victims) >= view.need_gb - 1e-5
    if choice.runner_up:
        assert freed(view, choice.runner_up) >= view.need_gb - 1e-5
        assert set(choice.runner_up) != set(choice.victims)


@pytest.mark.parametrize("name", NAMES[:-1])
@given(view=views())
def test_nobody_leaves_needlessly(name: PolicyName, view: View) -> None:
    choice = decide(name, view)
    for place in choice.victims if choice else ():
        others = tuple(other for other in choice.victims if other != place) if choice else ()
        assert freed(view, others) < view.need_gb


@pytest.mark.parametrize("name", NAMES)
@given(view=views())
def test_who_is_not_disturbed_leaves_first(name: PolicyName, view: View) -> None:
    choice = decide(name, view)
    if choice is None:
        return
    worst = max(disturbance(one) for one in view.held if one.place in choice.victims)
    milder = sum(one.gb for one in view.held if disturbance(one) < worst)
    assert milder < view.need_gb + 1e-5


@pytest.mark.parametrize("name", NAMES)
@given(view=views())
def test_the_same_view_gives_the_same_choice_in_any_order(name: PolicyName, view: View) -> None:
    again = replace(view, held=view.held[::-1], rates=dict(view.rates))
    choice, other = decide(name, again), decide(name, view)
    assert (choice and set(choice.victims)) == (other and set(other.victims))
