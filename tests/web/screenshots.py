"""
Photographs every page of the web chat, at desktop and phone width, light and dark.

    PYTHONPATH=tests/support python tests/web/screenshots.py FOLDER [PAGE …]

The platform is the real one, with rehearsal models. The pictures are for looking at.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from made_files import picture
from web_page import Window
from web_platform import WebBox

SIZES = {"1280": (1280, 800), "390": (390, 844)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "correct horse battery"


def door(window: Window) -> None:
    window.open()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()


def new_account(window: Window) -> None:
    door(window)
    window.page.get_by_role("tab", name="Create an account").click()
    window.page.get_by_label("Username", exact=True).filter(visible=True).fill("nina")


def refused(window: Window) -> None:
    door(window)
    window.log_in("admin", "wrong password")
    expect(window.page.get_by_role("alert").first).to_be_visible()


def welcome(window: Window) -> None:
    come_in(window)


def chat(window: Window) -> None:
    come_in(window)
    window.drop(("red.png", "image/png", picture("PNG", (160, 100))))
    window.says("red.png")
    window.ask("What do you see?")
    window.answer(1)
    window.ask_and_wait("A Python function for prime numbers")


def formulas(window: Window) -> None:
    come_in(window)
    window.ask_and_wait("The planets in a table, please")
    window.ask_and_wait("The area of a circle")
    window.ask_and_wait("Please give me a csv file of the planets")


def menu(window: Window) -> None:
    come_in(window)
    window.ask_and_wait("Hello there")
    window.menu("Rename")


def growing(window: Window) -> None:
    come_in(window)
    window.choose("Thinking", "Some")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 12 ")
    window.turn.locator("summary").click()


def loading(window: Window) -> None:
    come_in(window)
    window.platform.operator("POST", "/vram/unload/gpt-oss:120b")
    window.ask("Solve this step by step: why is the sky dark at night? Prove it mathematically.")
    expect(window.stage).to_contain_text("Loading gpt-oss:120b")


def stopped(window: Window) -> None:
    come_in(window)
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 3 ")
    window.stop.click()
    window.says("Stopped.")


def offline(window: Window) -> None:
    come_in(window)
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 3 ")
    window.page.context.set_offline(True)
    window.page.wait_for_timeout(2_000)


def settings(window: Window) -> None:
    come_in(window)
    window.open("/settings")
    expect(window.page.get_by_role("button", name="Save")).to_be_visible()


def account(window: Window) -> None:
    come_in(window)
    window.open("/account")
    window.page.get_by_role("button", name="Get a code").click()
    window.says("/link")


def forget(window: Window) -> None:
    come_in(window)
    window.open("/account")
    window.page.get_by_role("button", name="Forget me").click()
    expect(window.dialog).to_be_visible()


def sidebar(window: Window) -> None:
    come_in(window)
    window.ask_and_wait("Hello there")
    opener = window.page.get_by_test_id("stExpandSidebarButton")
    if opener.is_visible():
        opener.click()


def memory(window: Window) -> None:
    come_in(window)
    for model in ("rnj-1:8b", "deepseek-r1:70b"):
        window.platform.operator("POST", f"/vram/load/{model}")
    window.open("/memory")
    window.page.get_by_role("button", name="Plan", exact=True).click()
    expect(window.page.get_by_test_id("stVegaLiteChart").first).to_be_visible()


PAGES: dict[str, Callable[[Window], None]] = {
    one.__name__: one
    for one in (
        door, new_account, refused, welcome, chat, formulas, menu, growing, loading, stopped,
        offline, settings, account, forget, sidebar, memory,
    )
}  # fmt: skip


def come_in(window: Window) -> None:
    """Sign in as the admin."""
    told = window.platform.call(
        f"{window.platform.auth_url}/login", {"username": "admin", "password": PASSWORD}
    )
    window.come_with(told["access_token"])


@contextmanager
def platform() -> Iterator[WebBox]:
    """The platform in a folder of its own, with an admin."""
    with tempfile.TemporaryDirectory() as folder:
        box = WebBox(Path(folder))
        try:
            box.start_platform()
            box.make_admin("admin", PASSWORD)
            yield box
        finally:
            box.stop()


def photograph(browser: Browser, box: WebBox, folder: Path, wanted: list[str]) -> None:
    """A picture of each page at each size, and in the dark at desktop size."""
    looks: list[tuple[str, Any, Any]] = [(name, size, "light") for name, size in SIZES.items()]
    looks.append(("dark", SIZES["1280"], "dark"))
    for look, (width, height), scheme in looks:
        for name in wanted or PAGES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                base_url=box.ui_url,
                color_scheme=scheme,
                has_touch=width < 500,
            )
            window = Window(context.new_page(), box)
            file = folder / f"{name}-{look}.png"
            try:
                PAGES[name](window)
                window.page.wait_for_timeout(800)
            except Exception as failed:  # noqa: BLE001 - the picture shows what is wrong
                say(f"{file.name}: {str(failed).splitlines()[0]}")
            window.page.screenshot(path=file)
            wide = window.too_wide_by()
            say(f"{file.name}{f': too wide by {wide} px' if wide else ''}")
            for failure in window.failures:
                say(f"    {failure}")
            context.close()


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the program's answer


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    path = next(filter(None, map(shutil.which, BROWSERS)))
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with platform() as box, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        photograph(browser, box, folder, sys.argv[2:])
        browser.close()


if __name__ == "__main__":
    main()
