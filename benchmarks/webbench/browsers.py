"""People at browsers: pages that ask at the same time, and what reaches them."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PAGE_SECONDS = 60.0
OTHER_SECONDS = 30.0


class NoBrowser(RuntimeError):
    """There is no Chromium on this machine."""

    def __init__(self) -> None:
        super().__init__("There is no Chromium here: apt-get install chromium.")


@dataclass
class Received:
    """Payload of what a page got over its WebSockets, before any compression on the way."""

    streamlit_bytes: int = 0
    brain_bytes: int = 0
    streamlit_frames: int = 0
    brain_frames: int = 0
    _sockets: dict[str, str] = field(default_factory=dict)

    def opened(self, event: dict[str, Any]) -> None:
        """CDP's Network.webSocketCreated."""
        self._sockets[event["requestId"]] = event["url"]

    def frame(self, event: dict[str, Any]) -> None:
        """CDP's Network.webSocketFrameReceived."""
        response = event["response"]
        payload = response["payloadData"]
        binary = response["opcode"] == 2
        size = len(base64.b64decode(payload)) if binary else len(payload.encode())
        if "/ws/chat" in self._sockets[event["requestId"]]:
            self.brain_bytes += size
            self.brain_frames += 1
        else:
            self.streamlit_bytes += size
            self.streamlit_frames += 1

    def counts(self) -> tuple[int, int, int, int]:
        """Streamlit's bytes and frames, then the brain's."""
        return self.streamlit_bytes, self.streamlit_frames, self.brain_bytes, self.brain_frames


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window. Raises `NoBrowser`."""
    if CHROMIUM is None:
        raise NoBrowser
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM)
        yield launched
        launched.close()


@dataclass(frozen=True, slots=True)
class Person:
    """One page in a context of its own."""

    page: Page
    received: Received

    def ask(self) -> None:
        """Click the only button."""
        self.page.get_by_role("button", name="Go").click()

    def wait(self, seconds: float) -> None:
        """Until the answer is drawn as past."""
        self.page.get_by_text("Finished.").wait_for(timeout=seconds * 1000)


def sit_down(found: Browser, url: str, *, way: str, number: int) -> Person:
    """Open the page and wait until it can be used."""
    context = found.new_context(reduced_motion="reduce")
    page, received = context.new_page(), Received()
    network = context.new_cdp_session(page)
    network.on("Network.webSocketCreated", received.opened)
    network.on("Network.webSocketFrameReceived", received.frame)
    network.send("Network.enable")
    page.goto(f"{url}/?way={way}&person={number}")
    page.get_by_role("button", name="Go").wait_for(timeout=PAGE_SECONDS * 1000)
    return Person(page, received)


def processes() -> list[psutil.Process]:
    """Those of the browsers this process started."""
    return [
        one for one in psutil.Process().children(recursive=True) if "chrom" in _name(one).lower()
    ]


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""
