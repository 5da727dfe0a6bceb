"""An answer on its way, as a person at a browser sees it."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

Frame = dict[str, Any]


def test_an_answer_streams_and_becomes_past(
    page: Page, brain: Any, ask: Callable[[str], Frame]
) -> None:
    asked = ask("Why is the sky blue?")
    turn = page.locator(".turn")
    expect(turn.locator(".asked")).to_have_text("Why is the sky blue?")
    brain.answer(asked, "It **scat", "ters** light.")
    expect(turn.locator(".answer strong")).to_have_text("scatters")
    brain.done(asked, "It **scatters** light.")
    expect(turn).to_have_count(0)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(page.get_by_text(f"ended {asked['ask_id']}")).to_be_visible()
