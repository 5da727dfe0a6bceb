"""The order of work comes to an end, and everybody who waits knows what for."""

from typing import Any

import pytest

from brain.vram.order import Order


def test_an_order_that_never_settles_is_left_and_said(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = 0

    def restless(*_: Any) -> bool:
        nonlocal rounds
        rounds += 1
        return rounds < 1000

    monkeypatch.setattr(Order, "_undrain", restless)
    play.ask("mid")
    assert rounds < 50
    assert "The order of work did not settle" in play.said()
    assert [one.place.model for one in play.loads()] == ["mid"], "what it began goes on"


def test_who_was_told_nothing_is_told_to_wait(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "_pass", lambda *_: False)
    assert play.told(play.ask("mid")) == ["others are being answered first"]


def test_everybody_who_waits_for_the_same_room_is_told_the_same(play: Any) -> None:
    play.hold("mid")
    waiting = [play.ask("big") for _ in range(3)]
    assert [play.told(ticket) for ticket in waiting] == [["mid must finish first"]] * 3


def test_who_is_held_back_is_told_so_once_while_others_take_turns(play: Any) -> None:
    for _ in range(2):
        play.core.books.breaker.crash("mid", play.at, "killed")
    play.hold("big")
    play.tick(100)
    held = [play.ask("mid") for _ in range(2)]
    play.ask("small")
    for _ in range(3):
        play.tick()
    news = "it crashed before and is tried when there is more room"
    assert [play.told(ticket) for ticket in held] == [[news], [news]]
