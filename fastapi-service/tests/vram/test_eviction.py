"""Who must leave: a pure choice."""

from hypothesis import given
from hypothesis import strategies as st

from brain.catalogue.models import Priority
from brain.vram.eviction import Candidate, choose_victims
from brain.vram.residents import Place


def candidate(
    name: str,
    gb: float,
    *,
    priority: Priority = Priority.NORMAL,
    used: int = 0,
    leased: bool = False,
) -> Candidate:
    return Candidate(Place("s", name), gb, priority, used, leased)


def chosen(*candidates: Candidate, need_gb: float) -> list[str] | None:
    victims = choose_victims(candidates, need_gb=need_gb)
    return None if victims is None else sorted(place.model for place in victims)


def test_nobody_leaves_when_nothing_is_needed() -> None:
    assert chosen(candidate("a", 5), need_gb=0) == []


def test_the_least_recently_used_leaves_first() -> None:
    assert chosen(candidate("new", 5, used=2), candidate("old", 5, used=1), need_gb=3) == ["old"]


def test_low_priority_leaves_before_anything_older() -> None:
    low = candidate("low", 5, priority=Priority.LOW, used=9)
    assert chosen(candidate("old", 5), low, need_gb=3) == ["low"]


def test_an_idle_high_leaves_before_a_leased_low() -> None:
    high = candidate("high", 5, priority=Priority.HIGH)
    low = candidate("low", 5, priority=Priority.LOW, leased=True)
    assert chosen(high, low, need_gb=3) == ["high"]


def test_critical_never_leaves() -> None:
    assert chosen(candidate("c", 50, priority=Priority.CRITICAL), need_gb=1) is None


def test_it_is_all_or_nothing() -> None:
    assert chosen(candidate("a", 2), candidate("b", 2), need_gb=5) is None


def test_a_victim_made_needless_by_a_bigger_one_is_spared() -> None:
    assert chosen(candidate("small", 1, used=1), candidate("big", 9, used=2), need_gb=8) == ["big"]


@given(
    st.lists(
        st.tuples(
            st.floats(0.5, 80),
            st.sampled_from(list(Priority)),
            st.integers(0, 20),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.floats(0.1, 200),
)
def test_a_chosen_set_fits_and_every_member_is_needed(
    rows: list[tuple[float, Priority, int, bool]], need_gb: float
) -> None:
    candidates = [Candidate(Place("s", str(n)), *row) for n, row in enumerate(rows)]
    size = {one.place: one.charged_gb for one in candidates}
    victims = choose_victims(candidates, need_gb=need_gb)
    if victims is None:
        free = sum(one.charged_gb for one in candidates if one.priority < Priority.CRITICAL)
        assert free < need_gb
        return
    freed = sum(size[place] for place in victims)
    assert freed >= need_gb - 0.001
    assert all(freed - size[place] < need_gb for place in victims)
