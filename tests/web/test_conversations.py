"""Conversations beside the chat, what is preferred, and the budget."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from web_page import Window, until
from web_platform import WebBox


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"FREE_TIER_WEEKLY_BUDGET": "1000", "DISABLE_TOKEN_BUDGET": "false"}


def test_conversations_are_begun_renamed_found_and_deleted(window: Window) -> None:
    window.come_as("ann")
    window.ask_and_wait("Hello about apples")
    window.new_conversation()
    window.ask_and_wait("Hello about pears")
    apples = window.sidebar.get_by_role("button", name="Hello about apples")
    pears = window.sidebar.get_by_role("button", name="Hello about pears")
    expect(apples).to_be_visible()
    expect(pears).to_be_visible()

    window.menu("Rename").click()
    window.page.get_by_label("Title").fill("All about pears")
    window.dialog.get_by_role("button", name="Rename").click()
    renamed = window.sidebar.get_by_role("button", name="All about pears")
    expect(renamed).to_be_visible()

    search = window.sidebar.get_by_label("Search")
    search.fill("apples")
    search.press("Enter")
    expect(renamed).to_be_hidden()
    expect(apples).to_be_visible()
    search.fill("")
    search.press("Enter")
    expect(renamed).to_be_visible()

    window.menu("Delete").click()
    window.dialog.get_by_role("button", name="Delete").click()
    expect(renamed).to_be_hidden()
    expect(apples).to_be_visible()
    expect(window.past).to_have_count(0)


def test_a_conversation_can_be_kept_as_markdown_and_json(window: Window, tmp_path: Path) -> None:
    window.come_as("ben")
    window.ask_and_wait("Hello there")
    words = window.download(window.menu("Export as Markdown"))
    data = window.download(window.page.get_by_role("button", name="Export as JSON"))
    assert words.suggested_filename == "Hello-there.md"
    words.save_as(tmp_path / "words.md")
    data.save_as(tmp_path / "data.json")
    assert "Everything between you and me works" in (tmp_path / "words.md").read_text()
    messages = json.loads((tmp_path / "data.json").read_text())["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant"]


def test_nobody_opens_the_conversation_of_another(window: Window, platform: WebBox) -> None:
    other = platform.sign_up("carl")
    body = {"user_id": "", "user_name": "", "conversation_id": "carls", "text": "My secret plans"}
    platform.call(f"{platform.url}/api/discord/message", body, bearer=other)
    window.come_as("dina")
    window.open("/?c=carls")
    expect(window.question).to_be_visible()
    expect(window.page.get_by_text("secret plans")).to_have_count(0)


def test_a_chosen_model_answers_the_next_question(window: Window) -> None:
    window.come_as("eva")
    window.choose("Model", "rnj-1:8b")
    answer = window.ask_and_wait("Hello there")
    expect(answer).to_contain_text("rnj-1:8b")


def test_what_is_used_grows_and_the_week_says_when_it_begins_anew(window: Window) -> None:
    window.come_as("finn")
    expect(window.sidebar).to_contain_text("0 of 1,000 tokens used this week")
    expect(window.sidebar).to_contain_text("Starts anew on")
    window.ask_and_wait("Hello there")
    expect(window.sidebar).to_contain_text(re.compile(r"[1-9]\d* of 1,000 tokens"))


def test_a_used_up_budget_says_when_it_begins_anew(window: Window) -> None:
    window.come_as("greta")
    failed = window.turn.locator(".failure")
    for number in range(1, 9):
        window.ask("Hello there")
        until(lambda: window.past.count() == 2 * number or failed.is_visible())  # noqa: B023
        if failed.is_visible():
            break
    window.says(re.compile("Weekly token budget exceeded"))
    expect(window.sidebar).to_contain_text("All 1,000 tokens of this week are used.")
