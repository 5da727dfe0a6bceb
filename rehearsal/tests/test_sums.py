"""The sums behind the rehearsed answers are right."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.sums import solve_arithmetic, solve_quadratic

whole = st.integers(-99, 99)


@given(a=whole.filter(bool), one=whole, other=whole)
def test_every_quadratic_with_whole_roots_is_solved(a: int, one: int, other: int) -> None:
    b, c = -a * (one + other), a * one * other
    text = solve_quadratic(f"Please solve {a}x^2 + {b}x + {c} = 0!".replace("+ -", "- "))
    assert text is not None
    found = {Fraction(root) for root in re.findall(r"x = (-?\d+)\*\*", text)}
    assert found == {Fraction(one), Fraction(other)}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Solve x^2 + 5x + 6 = 0", "**x = -2** or **x = -3**"),
        ("2x² - 4x = 6", "**x = 3** or **x = -1**"),
        ("x^2 = 2", "**x = ± √2**"),
        ("x^2 - 2x - 1 = 0", "**x = 1 ± √2**"),
        ("x^2 + 2x + 5 = 0", "**x = -1 ± 2·i**"),
        ("x^2 + 1 = 0", "**x = ± i**"),
        ("3x**2 + x - 1 = 0", "**x = -1/6 ± 1/6·√13**"),
        ("4x + 2 = 0", "**x = -1/2**"),
        ("x = x", "Every x solves it."),
        ("x = x + 1", "No x solves it"),
    ],
)
def test_an_equation_is_solved(question: str, answer: str) -> None:
    assert answer in (solve_quadratic(question) or "")


@pytest.mark.parametrize("question", ["What is love?", "x marks the spot", "a = b", "x^3 = 8"])
def test_what_is_no_quadratic_equation_is_left_alone(question: str) -> None:
    assert solve_quadratic(question) is None


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 12 * (7 + 3)?", "**120**"),
        ("2^10", "**1024**"),
        ("7 / 2 please", "**7/2 ≈ 3.5**"),
        ("0.1 + 0.2", "**3/10 ≈ 0.3**"),
        ("-3 × -4", "**12**"),
        ("1 / 0", "divides by zero"),
    ],
)
def test_a_sum_is_worked_out(question: str, answer: str) -> None:
    assert answer in (solve_arithmetic(question) or "")


@pytest.mark.parametrize(
    "question",
    ["What happened on 2024-05-01?", "9^9^9^9", "Tell me about 1984", "1 +", "call 2 (two)"],
)
def test_what_is_no_sum_is_left_alone(question: str) -> None:
    assert solve_arithmetic(question) is None
