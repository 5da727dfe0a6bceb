"""A browser and the real platform: one of each for a module, a window of its own for a test."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from web_page import Window
from web_platform import WebBox

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

Open = Callable[..., Window]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """
    Debian's Chromium.

    Not for the whole session: while Playwright's synchronous API is open, anyio's tests cannot run
    in the same process.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium (Debian and Ubuntu: apt install chromium)")
    # As root, as in a container, Chromium starts only without its own sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=arguments)
        yield found
        found.close()


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """What differs in this module's platform; a module may override this."""
    return {}


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, settings: dict[str, str]
) -> Iterator[WebBox]:
    """Models, auth, brain and the web chat."""
    box = WebBox(tmp_path_factory.mktemp("platform"))
    try:
        box.start_platform(**settings)
        yield box
    finally:
        box.stop()


@pytest.fixture
def open_window(
    request: pytest.FixtureRequest, browser: Browser, platform: WebBox, tmp_path: Path
) -> Iterator[Open]:
    """Opens windows of people who share nothing; what they show is kept when the test fails."""
    contexts: list[BrowserContext] = []
    windows: list[Window] = []

    def open_one(*, phone: bool = False, **options: Any) -> Window:
        size: Any = PHONE if phone else DESKTOP
        context = browser.new_context(
            viewport=size, base_url=platform.ui_url, accept_downloads=True, **options
        )
        contexts.append(context)
        windows.append(Window(context.new_page(), platform))
        return windows[-1]

    yield open_one
    if getattr(request.node, "failed", False):
        for number, window in enumerate(windows):
            picture = tmp_path / f"window-{number}.png"
            window.page.screenshot(path=picture)
            print(f"What the window showed: {picture}")  # noqa: T201 - beside the failure
    for context in contexts:
        context.close()


@pytest.fixture
def window(open_window: Open) -> Window:
    """A window nobody has signed in with."""
    return open_window()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]  # read by open_window
    return report
