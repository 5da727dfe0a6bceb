"""Who one is: accounts, sign-in, and what stays of it."""

import re
import urllib.error
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from web_page import Window
from web_platform import WebBox

Open = Callable[..., Window]


def test_a_new_person_makes_an_account_and_is_in(window: Window) -> None:
    window.register("ada")
    window.says("Hello ada")


def test_a_wrong_password_is_a_sentence_and_the_right_one_lets_in(
    window: Window, platform: WebBox
) -> None:
    platform.sign_up("bert")
    window.open()
    window.log_in("bert", "not the password")
    expect(window.page.get_by_role("alert").first).to_be_visible()
    expect(window.question).to_be_hidden()
    window.log_in("bert", "correct horse bert")
    window.says("Hello bert")


def test_a_password_that_is_too_short_is_refused_with_the_rule(window: Window) -> None:
    window.open()
    window.page.get_by_role("tab", name="Create an account").click()
    window._fill_in("shorty", "short", "Create the account")
    expect(window.page.get_by_role("alert").first).to_contain_text("8 characters")


def test_a_reload_stays_signed_in_and_the_token_is_in_no_address(window: Window) -> None:
    window.register("clara")
    token = next(one["value"] for one in window.page.context.cookies() if one["name"] == "trollama")
    window.ask_and_wait("Hello there")
    window.page.reload()
    expect(window.past).to_have_count(2)
    assert any("/ws/chat" in each for each in window.addresses)
    assert [each for each in window.addresses if token in each] == []
    assert window.failures == []


def test_who_logs_out_is_out_also_after_a_reload_and_with_the_old_token(
    window: Window, platform: WebBox
) -> None:
    token = window.come_as("dora")
    window.log_out()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    window.page.reload()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    with pytest.raises(urllib.error.HTTPError):
        platform.call(f"{platform.auth_url}/me", bearer=token)


def test_a_link_code_is_shown_with_what_to_do_in_discord(window: Window) -> None:
    window.come_as("emil")
    window.go_to("Account")
    window.page.get_by_role("button", name="Get a code").click()
    window.says("In Discord, write this to the bot")
    window.says(re.compile(r"^/link \S{6,}"))


def test_a_changed_password_is_the_one_that_counts(window: Window, open_window: Open) -> None:
    window.register("fred")
    window.go_to("Account")
    window.page.get_by_label("Password until now").fill("correct horse fred")
    window.page.get_by_label("New password").fill("another horse fred")
    window.page.get_by_role("button", name="Change the password").click()
    window.says("Changed.")
    window.page.reload()
    expect(window.page.get_by_label("New password")).to_be_visible()
    other = open_window()
    other.open()
    other.log_in("fred", "correct horse fred")
    expect(other.page.get_by_role("alert").first).to_be_visible()
    other.log_in("fred", "another horse fred")
    other.says("Hello fred")


def test_a_key_is_shown_once_and_opens_v1_until_it_is_revoked(
    window: Window, platform: WebBox
) -> None:
    window.come_as("gil")
    window.go_to("Account")
    window.page.get_by_label("Name of a new key").fill("laptop")
    window.page.get_by_role("button", name="Create a key").click()
    key = window.says(re.compile("^tr-")).inner_text().strip()
    assert platform.call(f"{platform.url}/v1/models", bearer=key)["data"]
    window.page.reload()
    window.says("laptop")
    expect(window.page.get_by_text(key)).to_have_count(0)
    window.page.get_by_role("button", name="Revoke").click()
    expect(window.page.get_by_text("laptop, made")).to_have_count(0)


def test_forget_me_removes_what_was_said(window: Window, platform: WebBox) -> None:
    token = window.come_as("gina")
    window.ask_and_wait("Hello, remember me")
    window.go_to("Account")
    window.page.get_by_role("button", name="Forget me").click()
    window.dialog.get_by_role("textbox").fill("something else")
    window.dialog.get_by_role("button", name="Forget me").click()
    window.says("Please type forget")
    window.dialog.get_by_role("textbox").fill("forget")
    window.dialog.get_by_role("button", name="Forget me").click()
    window.says("Done. One conversation")
    assert platform.call(f"{platform.url}/api/conversations", bearer=token)["conversations"] == []


def test_a_deleted_account_is_gone(window: Window, open_window: Open) -> None:
    window.register("hugo")
    window.go_to("Account")
    window.page.get_by_role("button", name="Delete my account").click()
    window.dialog.get_by_label("Your password").fill("correct horse hugo")
    window.dialog.get_by_role("button", name="Delete my account").click()
    window.says("Your account is deleted")
    other = open_window()
    other.open()
    other.log_in("hugo", "correct horse hugo")
    expect(other.page.get_by_role("alert").first).to_be_visible()
