"""The memory page: for admins, and alive."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from web_page import Window
from web_platform import WebBox

Open = Callable[..., Window]
PASSWORD = "correct horse boss"


@pytest.fixture
def boss(window: Window, platform: WebBox) -> Iterator[Window]:
    """An admin's window."""
    platform.make_admin("boss", PASSWORD)
    window.open()
    window.log_in("boss", PASSWORD)
    expect(window.question).to_be_visible()
    yield window
    platform.operator("POST", "/vram/unload/rnj-1:8b")
    platform.operator("DELETE", "/vram/admin/crashes/rnj-1:8b")


def choose(window: Window, model: str) -> None:
    window.page.get_by_role("combobox", name="Model").click()
    window.page.get_by_role("option", name=model, exact=True).click()


def test_who_is_no_admin_finds_no_memory_page(window: Window) -> None:
    window.come_as("ann")
    expect(window.sidebar.get_by_role("link", name="Account")).to_be_visible()
    expect(window.sidebar.get_by_role("link", name="Memory")).to_have_count(0)
    window.open("/memory")
    expect(window.page.get_by_text("Load and unload")).to_have_count(0)


def test_an_admin_plans_loads_and_unloads_and_sees_what_happened(
    boss: Window, platform: WebBox
) -> None:
    boss.go_to("Memory")
    boss.says(re.compile(r"Models take .* of the 110\.0 GB they may have"))
    choose(boss, "rnj-1:8b")
    boss.page.get_by_role("button", name="Plan", exact=True).click()
    boss.says(re.compile(r"rnj-1:8b needs 5\.1 GB on ollama"))
    boss.page.get_by_role("button", name="Load", exact=True).click()
    boss.says("rnj-1:8b is in memory (5.1 GB).")
    loaded = boss.page.locator("[class*=st-key-in_memory_rnj]")
    expect(loaded).to_contain_text(re.compile(r"ready · 5\.1 GB measured · \w+ priority · idle"))
    loaded.get_by_role("button", name="Unload").click()
    boss.says("rnj-1:8b leaves memory now.")
    expect(loaded).to_have_count(0)


def test_the_page_looks_again_by_itself(boss: Window, open_window: Open, platform: WebBox) -> None:
    boss.go_to("Memory")
    boss.says("Who waits")
    other = open_window()
    other.come_as("asker")
    other.ask("Tell me a long story")
    expect(other.answering).to_contain_text("sentence 1 ")
    line = boss.page.locator("[class*=st-key-in_memory_gpt-oss-20b]")
    expect(line).to_contain_text("used by 1 answer")
    other.stop.click()
    expect(line).to_contain_text("idle for")


def test_a_model_that_is_held_back_is_not_loaded_until_it_is_allowed_again(
    boss: Window, platform: WebBox
) -> None:
    boss.go_to("Memory")
    choose(boss, "rnj-1:8b")
    boss.page.get_by_role("button", name="Hold back").click()
    boss.says("Nobody can load rnj-1:8b until you allow it again.")
    held = boss.page.locator("[class*=st-key-held_rnj]")
    expect(held).to_contain_text("held back")
    boss.page.get_by_role("button", name="Load", exact=True).click()
    expect(boss.page.get_by_test_id("stAlert").filter(has_text="rnj-1:8b").first).to_be_visible()
    held.get_by_role("button", name="Allow again").click()
    boss.says("rnj-1:8b may be loaded again")
    expect(held).to_have_count(0)


def test_what_happened_stands_on_the_timeline(boss: Window, platform: WebBox) -> None:
    platform.operator("POST", "/vram/load/rnj-1:8b")
    boss.go_to("Memory")
    expect(boss.page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    boss.says(re.compile(r"loaded rnj-1:8b"))
