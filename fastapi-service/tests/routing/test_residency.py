"""The bonus for models in memory is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from brain.catalogue.models import ModelSpec
from brain.routing.residency import RESIDENT_BONUS, best_stand_in


def spec(name: str, size_gb: float, *, tools: bool = True, vision: bool = False) -> ModelSpec:
    return ModelSpec(name=name, size_gb=size_gb, tools=tools, vision=vision)


def test_the_largest_stands_in() -> None:
    found = best_stand_in([spec("s", 5), spec("l", 13)], resident=())
    assert found is not None
    assert found.name == "l"


def test_a_model_in_memory_goes_before_one_that_is_a_little_larger() -> None:
    found = best_stand_in([spec("near", 9.1), spec("far", 13)], resident={"near"})
    assert found is not None
    assert found.name == "near"


@given(st.floats(0.5, 200), st.floats(0.5, 200))
def test_the_bonus_never_lets_one_below_two_thirds_win(small: float, large: float) -> None:
    if small * (1 + RESIDENT_BONUS) < large:
        found = best_stand_in([spec("small", small), spec("large", large)], resident={"small"})
        assert found is not None
        assert found.name == "large"


def test_tools_go_before_size_where_they_are_wanted() -> None:
    candidates = [spec("deaf", 42, tools=False), spec("able", 13)]
    wanted = best_stand_in(candidates, resident={"deaf"}, tools=True)
    unwanted = best_stand_in(candidates, resident=())
    assert (wanted and wanted.name, unwanted and unwanted.name) == ("able", "deaf")


def test_an_image_needs_one_that_sees_and_embeddings_never_chat() -> None:
    blind = spec("blind", 13)
    seeing = spec("seeing", 5, vision=True)
    vectors = ModelSpec(name="vectors", size_gb=80, kind="embedding")
    found = best_stand_in([blind, seeing, vectors], resident=(), vision=True)
    assert found is seeing
    assert best_stand_in([blind, vectors], resident=(), vision=True) is None
    assert best_stand_in([vectors], resident=()) is None
