"""Every page on a phone: nothing is pushed sideways, everything is reached."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from web_page import Window
from web_platform import WebBox

Open = Callable[..., Window]
PASSWORD = "correct horse boss"


@pytest.fixture
def phone(open_window: Open, platform: WebBox) -> Window:
    """An admin's phone, after an answer with a wide table, code and a long word."""
    platform.make_admin("boss", PASSWORD)
    window = open_window(phone=True, has_touch=True)
    window.open()
    window.log_in("boss", PASSWORD)
    expect(window.question).to_be_visible()
    return window


def test_no_page_is_wider_than_a_phone(phone: Window) -> None:
    phone.ask_and_wait("A Python function for prime numbers")
    phone.ask_and_wait("The planets in a table, please " + "x" * 120)
    assert phone.too_wide_by() == 0
    for name in ("Settings", "Account", "Memory"):
        phone.open(f"/{name.lower()}")
        expect(phone.page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        phone.page.wait_for_timeout(500)
        assert phone.too_wide_by() == 0, name


def test_a_wide_table_is_pushed_sideways_by_itself(phone: Window) -> None:
    answer = phone.ask_and_wait("A wide table, please")
    expect(answer.get_by_role("cell", name="value").first).to_be_visible()
    assert phone.too_wide_by() == 0
    table = answer.locator("table")
    assert table.evaluate("(table) => table.scrollWidth > table.clientWidth")


def test_the_door_is_not_wider_than_a_phone(open_window: Open) -> None:
    window = open_window(phone=True)
    window.open()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    assert window.too_wide_by() == 0


def test_an_answer_that_grows_is_not_wider_than_a_phone(phone: Window) -> None:
    phone.ask("Tell me a long story")
    expect(phone.answering).to_contain_text("sentence 5 ")
    assert phone.too_wide_by() == 0
    phone.stop.click()


def test_conversations_are_behind_a_button(phone: Window) -> None:
    expect(phone.sidebar.get_by_role("button", name="New conversation")).not_to_be_in_viewport()
    phone.page.get_by_test_id("stExpandSidebarButton").click()
    expect(phone.sidebar.get_by_role("button", name="New conversation")).to_be_in_viewport()


def test_a_page_that_is_chosen_is_shown_and_the_list_folds_away(phone: Window) -> None:
    phone.go_to("Settings")
    expect(phone.page.get_by_role("button", name="Save")).to_be_visible()
    expect(phone.sidebar.get_by_role("link", name="Account")).not_to_be_in_viewport()
    phone.go_to("Account")
    expect(phone.page.get_by_role("button", name="Get a code")).to_be_visible()
    expect(phone.sidebar.get_by_role("link", name="Account")).not_to_be_in_viewport()
