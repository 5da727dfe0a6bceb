"""Answers: how they come, how they look, and what can be done with them."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import expect

from made_files import picture
from small_web import Answer, Site, html, serving
from web_page import Window, until
from web_platform import WebBox

Open = Callable[..., Window]
LOOPBACK = "127.0.0.0/8"
JSON = {"Content-Type": "application/json"}


class Searched(dict[str, Answer]):
    """A site whose search finds its page about planets, whatever is asked."""

    def get(self, path: str, default: Any = None) -> Any:
        return super().get("/search" if path.startswith("/search?") else path, default)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A small web: a search and a page."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving()) as one,
    ):
        page = {
            "url": one.url("/planets"),
            "title": "All planets",
            "content": "Mars has two moons.",
        }
        found = Answer(json.dumps({"results": [page]}).encode(), headers=JSON)
        page_text = html("Mars has two moons. " * 20, title="All planets")
        one.paths = Searched({"/search": found, "/planets": page_text})
        yield one


@pytest.fixture(scope="module")
def settings(site: Site) -> dict[str, str]:
    return {"QUEUE_WORKERS": "2", "SEARCH_URL": site.url("").rstrip("/"), "FETCH_ALLOW": LOOPBACK}


def test_an_answer_is_seen_growing_and_stop_stops_it(window: Window, platform: WebBox) -> None:
    window.come_as("ada")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 3 ")
    expect(window.stage).to_have_text("Writing…")
    first = len(window.answering.inner_text())
    expect(window.answering).to_contain_text("sentence 20 ")
    assert len(window.answering.inner_text()) > first
    window.stop.click()
    window.says("Stopped.")
    until(lambda: platform.models_at_work() == 0, seconds=4)


def test_what_was_said_until_a_stop_stays_and_is_shown_once(window: Window) -> None:
    window.come_as("abe")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 3 ")
    window.stop.click()
    expect(window.answer()).to_contain_text("sentence 3 ")
    window.says("Stopped.")
    expect(window.page.get_by_text("Tell me a long story").filter(visible=True)).to_have_count(3)
    expect(window.answering).to_be_hidden()
    window.page.get_by_role("button", name="Try again").click()
    expect(window.answering).to_contain_text("sentence 1 ")
    window.stop.click()


def test_escape_stops_an_answer_too(window: Window, platform: WebBox) -> None:
    window.come_as("bea")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 3 ")
    window.stop.focus()
    window.page.keyboard.press("Escape")
    window.says("Stopped.")
    until(lambda: platform.models_at_work() == 0, seconds=4)


def test_the_stage_names_the_model_that_is_loaded_and_how_long(window: Window) -> None:
    window.come_as("cleo")
    window.ask("Solve this step by step: why is the sky dark at night? Prove it mathematically.")
    expect(window.stage).to_have_text(re.compile(r"Loading gpt-oss:120b, about \d+ s"))
    expect(window.answer()).to_contain_text("gpt-oss:120b")


def test_who_waits_sees_the_place_in_the_queue(open_window: Open, platform: WebBox) -> None:
    talkers = [open_window() for _ in range(2)]
    for number, talker in enumerate(talkers):
        talker.come_as(f"talker-{number}")
        talker.ask("Tell me a long story")
        expect(talker.answering).to_contain_text("sentence 1 ")
    waiting = [open_window(), open_window()]
    for number, one in enumerate(waiting):
        one.come_as(f"waiting-{number}")
        one.ask("Hello there")
    expect(waiting[0].stage).to_have_text("Waiting: yours is next.")
    expect(waiting[1].stage).to_have_text("Waiting: number 2 in the queue.")
    waiting[1].stop.click()
    waiting[1].says("Stopped.")
    for talker in talkers:
        talker.stop.click()
    expect(waiting[0].answer()).to_contain_text("Everything between you and me works")


def test_thinking_is_folded_away_until_it_is_opened(window: Window) -> None:
    window.come_as("dan")
    window.choose("Thinking", "Some")
    window.ask("Tell me a long story")
    thoughts = window.turn.get_by_text("This is rehearsed thinking")
    summary = window.turn.locator("summary")
    expect(summary).to_be_visible()
    expect(thoughts).to_be_hidden()
    summary.click()
    expect(thoughts).to_be_visible()
    window.stop.click()


def test_code_is_coloured_and_copied_with_one_click(open_window: Open) -> None:
    window = open_window(permissions=["clipboard-read", "clipboard-write"])
    window.come_as("eve")
    answer = window.ask_and_wait("A Python function for prime numbers")
    code = answer.get_by_test_id("stCode")
    expect(code.locator("span.token").first).to_be_attached()
    code.hover()
    answer.get_by_role("button", name="Copy to clipboard").click()
    copied = window.page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("def primes_up_to(limit: int)")


def test_a_table_is_a_table_and_a_formula_a_formula(window: Window) -> None:
    window.come_as("fay")
    table = window.ask_and_wait("The planets in a table, please")
    expect(table.get_by_role("cell", name="Mars")).to_be_visible()
    formula = window.ask_and_wait("The area of a circle")
    expect(formula.locator(".katex").first).to_be_visible()


def test_what_a_model_says_is_never_a_program(window: Window) -> None:
    window.come_as("gus")
    answer = window.ask_and_wait("Something harmful")
    expect(answer).to_contain_text("a link")
    assert window.page.evaluate("() => window.harmed") is None
    assert answer.locator("script").count() == 0
    assert answer.locator("a[href^=javascript]").count() == 0


def test_files_and_images_are_dropped_on_the_field(window: Window) -> None:
    window.come_as("hal")
    window.drop(
        ("planets.csv", "text/csv", b"planet,moons\nMars,2\n"),
        ("red.png", "image/png", picture("PNG")),
    )
    window.says("planets.csv")
    window.ask("What do you see?")
    window.answer()
    question = window.past.first
    expect(question).to_contain_text("planets.csv")
    expect(question.get_by_role("img").first).to_be_visible()


def test_a_file_that_an_answer_made_can_be_fetched(window: Window, tmp_path: Path) -> None:
    window.come_as("ida")
    answer = window.ask_and_wait("Please give me a csv file of the planets")
    fetched = window.download(answer.get_by_role("button", name=re.compile(r"\.csv")))
    fetched.save_as(tmp_path / "planets.csv")
    assert (tmp_path / "planets.csv").read_text().splitlines()[:2] == ["planet,moons", "Earth,1"]


def test_what_an_answer_rests_on_is_linked_below_it(window: Window, site: Site) -> None:
    window.come_as("ivy")
    answer = window.ask_and_wait(f"Please summarise {site.url('/planets')}")
    link = answer.get_by_role("link", name="All planets")
    expect(link).to_have_attribute("href", site.url("/planets"))
    expect(link).to_have_attribute("target", "_blank")


def test_below_an_answer_stands_who_gave_it_and_why(window: Window) -> None:
    window.come_as("jo")
    answer = window.ask_and_wait("A Python function for prime numbers")
    expect(answer).to_contain_text(re.compile(r"simple_code · rnj-1:8b · .+ · \d+\.\d s"))


def test_a_question_is_asked_again_of_another_model(window: Window) -> None:
    window.come_as("kim")
    first = window.ask_and_wait("Hello there")
    expect(first).to_contain_text("gpt-oss:20b")
    first.get_by_role("button", name="Ask again").click()
    window.page.get_by_text("rnj-1:8b", exact=True).filter(visible=True).last.click()
    expect(window.answer(2)).to_contain_text("rnj-1:8b")
