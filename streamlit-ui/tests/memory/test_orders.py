"""An order's end is told once it is there."""

from concurrent.futures import Future
from typing import Any

from shared.http import Refused
from ui.memory.orders import KEPT, Order, encoded, newest


def order(answer: "Future[Any]", asked: str = "Loading a …") -> Order:
    return Order(asked, answer, lambda report: f"{report['model']} is there.")


def test_an_order_is_under_way_until_the_brain_answers() -> None:
    answer: Future[Any] = Future()
    one = order(answer)
    before = one.under_way
    answer.set_result({"model": "a"})
    assert (before, one.under_way) == (True, False)
    assert one.outcome() == (True, "a is there.")


def test_a_refused_order_tells_the_brains_own_sentence() -> None:
    answer: Future[Any] = Future()
    answer.set_exception(
        Refused("a can never fit.", status=503, code="vram.never_fits", retryable=False)
    )
    assert order(answer).outcome() == (False, "a can never fit.")


def test_only_the_newest_orders_are_kept() -> None:
    orders: list[Order] = []
    for number in range(KEPT + 2):
        orders = newest(orders, order(Future(), str(number)))
    assert [one.asked for one in orders] == [str(KEPT + 1 - each) for each in range(KEPT)]


def test_a_name_with_a_slash_is_one_part_of_a_path() -> None:
    assert encoded("hf.co/org/model:Q4") == "hf.co%2Forg%2Fmodel%3AQ4"
