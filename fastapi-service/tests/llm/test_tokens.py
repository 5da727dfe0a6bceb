import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.llm.tokens import HIGHEST, LOWEST, Estimates, Learned, estimate

COUNTED = {
    "The recipe needs two eggs, a little flour and patience. My cat is called Mia.": 18,
    "We decided to meet on Thursday at 7 pm.": 11,
    "def mean(values: list[float]) -> float:\n    return sum(values) / len(values)\n": 19,
}
"""By tiktoken with cl100k_base, whose counts for English and code are those of o200k_base."""


@pytest.mark.parametrize("text", COUNTED)
def test_english_and_code_are_within_a_third_even_of_one_sentence(text: str) -> None:
    assert estimate(text) == pytest.approx(COUNTED[text], rel=0.3)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("Моя кошка спит весь день на принтере, а вечером хочет играть.", 14, 24),
        ("我的猫叫米娅,她整天睡在打印机上。", 10, 20),
        ("私の猫はミアという名前で、一日中プリンターの上で寝ています。", 16, 30),
        ("제 고양이 이름은 미아이고 하루 종일 프린터 위에서 잡니다.", 13, 26),
        ("मेरी बिल्ली का नाम मिया है", 8, 16),
        ("🎉🎉🎉", 3, 9),
    ],
)
def test_other_scripts_are_not_counted_as_english(text: str, least: int, most: int) -> None:
    assert least <= estimate(text) <= most


@given(st.text(), st.text())
def test_a_longer_text_is_never_estimated_shorter(one: str, other: str) -> None:
    assert 0 <= estimate(one) <= estimate(one + "\n" + other)


def test_a_very_long_text_takes_no_time_worth_a_limit() -> None:
    assert estimate("a" * 1_000_000) > 100_000
    assert estimate("1 " * 500_000) >= 500_000


def test_twenty_counts_bring_the_estimate_within_three_percent() -> None:
    learned = Learned()
    for _ in range(20):
        learned = learned.after(estimated=800, counted=1000)
    assert learned.ratio == pytest.approx(1.25, rel=0.03)


def test_what_was_counted_long_ago_weighs_less() -> None:
    learned = Learned()
    for _ in range(20):
        learned = learned.after(estimated=800, counted=1200)
    for _ in range(30):
        learned = learned.after(estimated=800, counted=800)
    assert learned.ratio == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("counted", [0, 10, 100_000])
def test_a_count_that_cannot_be_meant_so_changes_nothing(counted: int) -> None:
    assert Learned().after(estimated=1000, counted=counted) == Learned()
    assert Learned().after(estimated=0, counted=counted) == Learned()


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), max_size=30))
def test_the_correction_stays_within_bounds(counts: list[tuple[int, int]]) -> None:
    learned = Learned()
    for estimated, counted in counts:
        learned = learned.after(estimated=estimated, counted=counted)
    assert LOWEST <= learned.ratio <= HIGHEST


def test_each_model_learns_for_itself() -> None:
    estimates = Estimates()
    estimates.learn("a", estimated=1000, counted=1500)
    assert estimates.ratio("a") > 1.2
    assert estimates.ratio("b") == 1.0
