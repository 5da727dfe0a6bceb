"""Sets of models that fit together, against counting them by hand."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from brain.vram.policies.sets import MAX_SETS, sets_of

sizes = st.lists(st.integers(1, 20).map(float), min_size=1, max_size=6).map(tuple)


def by_hand(gb: tuple[float, ...], capacity_gb: float) -> set[int]:
    numbers = range(len(gb))
    some = (one for size in range(len(gb) + 1) for one in combinations(numbers, size))
    return {
        sum(1 << number for number in one)
        for one in some
        if sum(gb[number] for number in one) <= capacity_gb
    }


def within(one: int, other: int) -> bool:
    return one & ~other == 0


@given(sizes, st.integers(20, 60))
def test_every_set_that_fits_is_there_once_in_order(gb: tuple[float, ...], capacity: int) -> None:
    sets = sets_of(gb, float(capacity))
    assert sets is not None
    assert sets.bits.tolist() == sorted(by_hand(gb, capacity))


@given(sizes, st.integers(20, 60))
def test_a_load_leads_to_the_sets_that_cannot_keep_one_more(
    gb: tuple[float, ...], capacity: int
) -> None:
    sets = sets_of(gb, float(capacity))
    assert sets is not None
    fitting = by_hand(gb, capacity)
    ends = [*sets.first.tolist()[1:], len(sets.target)]
    moves = {}
    for source, model, begin, end in zip(sets.source, sets.model, sets.first, ends, strict=True):
        moves[int(sets.bits[source]), int(model)] = {
            int(sets.bits[row]) for row in sets.target[begin:end]
        }
    for before in fitting:
        for model in range(len(gb)):
            if before >> model & 1:
                assert (before, model) not in moves
                continue
            allowed = before | 1 << model
            kept = {one for one in fitting if one >> model & 1 and within(one, allowed)}
            best = {one for one in kept if not any(within(one, more) for more in kept - {one})}
            assert moves[before, model] == best


def test_too_many_sets_are_none() -> None:
    assert MAX_SETS < 2**15
    assert sets_of((1.0,) * 15, 15.0) is None
