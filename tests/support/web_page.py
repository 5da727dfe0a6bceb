"""A person's browser window on the web chat: what people do there, by the words they see."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

from playwright.sync_api import Download, Locator, Page, expect

from web_platform import WebBox

SECONDS = 20.0
expect.set_options(timeout=SECONDS * 1000)

DROP = """async (field, files) => {
    const dropped = new DataTransfer();
    for (const { name, type, data } of files) {
        const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
        dropped.items.add(new File([bytes], name, { type }));
    }
    const { x, y, width, height } = field.getBoundingClientRect();
    const [left, top] = [x + width / 2, y + height / 2];
    for (const kind of ["dragenter", "dragover", "drop"]) {
        const below = document.elementFromPoint(left, top);  // the page shows a target by now
        below.dispatchEvent(new DragEvent(kind, {
            dataTransfer: dropped, bubbles: true, cancelable: true, clientX: left, clientY: top,
        }));
        await new Promise((done) => setTimeout(done, 150));
    }
}"""


@dataclass
class Window:
    """One tab. Everything waits until it is possible, at most `SECONDS`."""

    page: Page
    platform: WebBox
    addresses: list[str] = field(default_factory=list)
    """Every address the tab asked for, sockets included."""

    failures: list[str] = field(default_factory=list)
    """What went wrong in the page's own programs."""

    def __post_init__(self) -> None:
        self.page.set_default_timeout(SECONDS * 1000)
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("websocket", lambda socket: self.addresses.append(socket.url))
        self.page.on("pageerror", lambda error: self.failures.append(error.stack or str(error)))

    # ------------------------------------------------------------------ signing in

    def open(self, path: str = "/") -> None:
        self.page.goto(path)

    def come_as(self, name: str) -> str:
        """A new person, signed in already; the token."""
        token = self.platform.sign_up(name)
        self.come_with(token)
        return token

    def come_with(self, token: str) -> None:
        """Someone whose browser was signed in before."""
        here = self.platform.ui_url
        self.page.context.add_cookies([{"name": "trollama", "value": token, "url": here}])
        self.open()
        expect(self.question).to_be_visible()

    def register(self, name: str) -> str:
        """Make an account through the page and be signed in; the password."""
        password = f"correct horse {name}"
        self.open()
        self.page.get_by_role("tab", name="Create an account").click()
        self._fill_in(name, password, "Create the account")
        expect(self.question).to_be_visible()
        return password

    def log_in(self, name: str, password: str) -> None:
        """Send the form for people with an account."""
        self._fill_in(name, password, "Log in")

    def log_out(self) -> None:
        self.page.get_by_role("button", name=re.compile("^Log out")).click()

    def _fill_in(self, name: str, password: str, button: str) -> None:
        form = self.page.get_by_role("tabpanel").filter(visible=True)
        form.get_by_label("Username", exact=True).fill(name)
        form.get_by_label("Password", exact=True).fill(password)
        form.get_by_role("button", name=button).click()

    # ------------------------------------------------------------------ talking

    @property
    def question(self) -> Locator:
        """Where questions are written."""
        return self.page.get_by_test_id("stChatInput").get_by_role("textbox")

    def ask(self, text: str) -> None:
        self.question.fill(text)
        # Not while a file is on its way: Enter does nothing then.
        expect(self.page.get_by_role("button", name="Send message")).to_be_enabled()
        self.question.press("Enter")

    def ask_and_wait(self, text: str) -> Locator:
        """The answer, when it has ended."""
        before = self.past.count()
        self.ask(text)
        return self.answer(before // 2 + 1)

    def drop(self, *files: tuple[str, str, bytes]) -> None:
        """Drag files (name, type, bytes) onto the field for questions."""
        told = [
            {"name": name, "type": kind, "data": b64encode(data).decode()}
            for name, kind, data in files
        ]
        self.page.get_by_test_id("stChatInput").evaluate(DROP, told)

    @property
    def turn(self) -> Locator:
        """The newest turn under way."""
        return self.page.locator("section.turn").last

    @property
    def answering(self) -> Locator:
        """The words of the answer under way."""
        return self.turn.locator(".answer")

    @property
    def stage(self) -> Locator:
        """Where the answer under way is, in a line."""
        return self.turn.locator(".line")

    @property
    def stop(self) -> Locator:
        return self.turn.get_by_role("button", name="Stop this answer")

    @property
    def past(self) -> Locator:
        """Questions and answers that have ended, the oldest first."""
        return self.page.get_by_test_id("stChatMessage")

    def answer(self, number: int = 1) -> Locator:
        """The `number`-th answer of the conversation, when it has ended."""
        expect(self.past).to_have_count(2 * number)
        return self.past.nth(2 * number - 1)

    # ------------------------------------------------------------------ beside the conversation

    @property
    def sidebar(self) -> Locator:
        return self.page.get_by_test_id("stSidebar")

    def go_to(self, name: str) -> None:
        """Another page, by its link; on a phone it is behind a button."""
        opener = self.page.get_by_test_id("stExpandSidebarButton")
        if opener.is_visible():
            opener.click()
        self.sidebar.get_by_role("link", name=name).click()

    def choose(self, setting: str, wish: str) -> None:
        """Prefer something in the settings, and come back to the chat."""
        self.go_to("Settings")
        self.page.get_by_role("combobox", name=setting).click()
        self.page.get_by_role("option", name=wish, exact=True).click()
        self.page.get_by_role("button", name="Save").click()
        self.says("Saved.")
        self.go_to("Chat")
        expect(self.question).to_be_visible()

    def new_conversation(self) -> None:
        self.sidebar.get_by_role("button", name="New conversation").click()
        expect(self.past).to_have_count(0)

    def menu(self, entry: str) -> Locator:
        """An entry in the menu of the open conversation, which it opens."""
        self.page.locator(".st-key-menu").get_by_role("button").first.click()
        return self.page.get_by_role("button", name=entry)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_test_id("stDialog")

    def download(self, button: Locator) -> Download:
        """What a button hands over."""
        with self.page.expect_download() as coming:
            button.click()
        return coming.value

    # ------------------------------------------------------------------ looking

    def says(self, words: str | re.Pattern[str]) -> Locator:
        """That the words are shown somewhere."""
        found = self.page.get_by_text(words).filter(visible=True).first
        expect(found).to_be_visible()
        return found

    def too_wide_by(self) -> int:
        """By how many pixels the page can be pushed sideways; 0 is right."""
        wide: int = self.page.evaluate(
            """() => Math.max(0, ...[...document.querySelectorAll(
                    "html, body, [data-testid=stApp], [data-testid=stMain]"
                )].map((each) => each.scrollWidth - each.clientWidth))"""
        )
        return wide


def until(true: Any, *, seconds: float = SECONDS) -> None:
    """Wait for what no page shows."""
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, "it did not come true in time"
        sleep(0.05)
