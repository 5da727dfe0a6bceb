"""Two browsers and Discord as one person: one history, one budget, answers where one asked."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from web_page import Window, until
from web_platform import WebBox

Open = Callable[..., Window]


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"DISABLE_TOKEN_BUDGET": "false"}


@pytest.fixture(scope="module")
def with_discord(platform: WebBox) -> WebBox:
    platform.start_bot()
    return platform


def linked(window: Window, platform: WebBox, person: str) -> None:
    """The window's person gets a code and redeems it in Discord as `person`."""
    window.go_to("Account")
    window.page.get_by_role("button", name="Get a code").click()
    code = window.says(re.compile(r"^/link code:\S{6,}")).inner_text().split("code:")[1].strip()
    platform.act("slash", person=person, channel="general", command="link", options={"code": code})
    until(lambda: questions(platform, person))
    asked = questions(platform, person)[-1]
    platform.act("press", person=person, channel="general", message=asked, button="Connect")
    until(lambda: any("account is connected" in each["text"] for each in seen(platform, person)))
    window.page.reload()
    window.says(re.compile("Linked with"))


def questions(platform: WebBox, person: str) -> list[str]:
    """Whether an account is theirs, as asked of a person: the messages."""
    return [one["id"] for one in seen(platform, person) if "Is it yours?" in one["text"]]


def seen(platform: WebBox, person: str, channel: str = "general") -> list[dict[str, Any]]:
    """The messages that a person of Discord sees in a channel."""
    told = platform.call(
        f"{platform.discord_url}/rehearsal/discord/view?person={person}&channel={channel}"
    )
    messages: list[dict[str, Any]] = told["messages"]
    return messages


def thread_of(platform: WebBox, person: str) -> str:
    """The thread the bot opened last."""
    threads = [one["thread"]["id"] for one in seen(platform, person) if one["thread"]]
    return str(threads[-1]) if threads else ""


def ended(platform: WebBox, person: str, thread: str) -> list[dict[str, Any]]:
    """The bot's answers there that have ended."""
    return [
        one
        for one in seen(platform, person, thread)
        if any(part["label"] == "Regenerate" for row in one["rows"] for part in row["components"])
    ]


def used(window: Window) -> int:
    """The tokens of this week, as the window says it."""
    text = window.sidebar.get_by_text("tokens used this week").inner_text()
    return int(text.split(" of ")[0].replace(",", ""))


def test_messages_of_three_doors_are_one_history_and_one_budget(
    open_window: Open, with_discord: WebBox
) -> None:
    platform = with_discord
    first, second = open_window(), open_window()
    password = first.register("nina")
    linked(first, platform, "Ada")
    second.open()
    second.log_in("nina", password)

    platform.act("say", person="Ada", channel="general", text="@Trollama Hello from Discord")
    until(lambda: thread_of(platform, "Ada"))
    thread = thread_of(platform, "Ada")
    until(lambda: len(ended(platform, "Ada", thread)) == 1)

    first.go_to("Chat")
    first.sidebar.get_by_role("button", name="Hello from Discord").click()
    expect(first.past).to_have_count(2)
    first.says("Discord")
    first.ask("Hello from the first browser")
    first.answer(2)

    second.page.reload()
    second.sidebar.get_by_role("button", name="Hello from Discord").click()
    expect(second.past).to_have_count(4)
    second.ask("Hello from the second browser")
    second.answer(3)

    platform.act("say", person="Ada", channel=thread, text="Hello again from Discord")
    until(lambda: len(ended(platform, "Ada", thread)) == 2)

    for window in (first, second):
        window.page.reload()
        window.answer(4)
        asked = [window.past.nth(number).inner_text() for number in (0, 2, 4, 6)]
        for text, said in zip(
            asked, ("Discord", "first browser", "second browser", "again from Discord"), strict=True
        ):
            assert said in text
    told = [one["text"] for one in seen(platform, "Ada", thread)]
    assert sum("goes on with this conversation in the browser" in each for each in told) == 1, told
    assert not any("first browser" in each or "second browser" in each for each in told)
    until(lambda: used(first) == used(second))
    assert used(first) > 0

    platform.act("slash", person="Ada", channel="general", command="budget", options={})
    number = f"{used(first):,}"
    until(lambda: any(number in each["text"] for each in seen(platform, "Ada")))


def test_both_browsers_may_ask_at_once_and_answers_keep_their_order(open_window: Open) -> None:
    first, second = open_window(), open_window()
    password = first.register("olga")
    first.ask_and_wait("Hello to begin with")
    second.open()
    second.log_in("olga", password)
    second.sidebar.get_by_role("button", name="Hello to begin with").click()
    expect(second.past).to_have_count(2)
    first.ask("Hello from the first")
    second.ask("Hello from the second")
    expect(first.past.filter(has_text="Hello from the first")).to_have_count(1)
    expect(second.past.filter(has_text="Hello from the second")).to_have_count(1)
    first.page.reload()
    second.page.reload()
    until(lambda: (said := history(first)) == history(second) and len(said) == 6)


def history(window: Window) -> list[str]:
    """Everything that was said, as the window shows it."""
    return [one.inner_text() for one in window.past.all()]
