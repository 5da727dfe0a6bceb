"""What goes wrong is said in a sentence, and nothing that was asked is lost."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from web_page import Window
from web_platform import WebBox
from wire import Wire, wired


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """What the browser reaches the brain by."""
    with wired() as one:
        yield one


@pytest.fixture(scope="module")
def settings(wire: Wire) -> dict[str, str]:
    return {"PUBLIC_URL": wire.url}


@pytest.fixture(autouse=True)
def whole(wire: Wire, platform: WebBox) -> Iterator[None]:
    """Every test begins and ends with the wire whole."""
    wire.target = platform.ports["brain"]
    yield
    wire.mend()


def number_in(text: str) -> int:
    """The highest sentence of the long story that is there."""
    return max((int(each) for each in re.findall(r"sentence (\d+)", text)), default=0)


def test_an_answer_goes_on_over_a_reload(window: Window) -> None:
    window.come_as("ada")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 5 ")
    window.page.reload()
    expect(window.answering).to_contain_text("sentence 1 ")
    there = number_in(window.answering.inner_text())
    assert there >= 5
    expect(window.answering).to_contain_text(f"sentence {there + 10} ")
    window.stop.click()
    window.says("Stopped.")
    assert window.failures == []


def test_an_answer_goes_on_over_a_lost_connection(window: Window, wire: Wire) -> None:
    window.come_as("bea")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 5 ")
    wire.cut()
    window.says(re.compile("Trollama cannot be reached"))
    wire.mend()
    there = number_in(window.answering.inner_text())
    expect(window.answering).to_contain_text(f"sentence {there + 20} ")
    shown = window.answering.inner_text()
    assert re.findall(r"sentence (\d+)", shown) == [
        str(each) for each in range(1, number_in(shown) + 1)
    ]
    window.stop.click()


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(window: Window) -> None:
    window.come_as("cleo")
    window.drop(("large.txt", "text/plain", b"x" * 11_000_000))
    window.says("large.txt")
    window.ask("What is in it?")
    window.says(re.compile(r"large\.txt is too large: 11 MB, and at most 10 MB can be read"))
    expect(window.question).to_have_value("What is in it?")
    expect(window.past).to_have_count(0)


def test_with_the_brain_gone_a_sentence_says_so_and_it_heals(
    window: Window, platform: WebBox
) -> None:
    window.come_as("eva")
    window.ask_and_wait("Hello there")
    platform.kill("brain")
    window.sidebar.get_by_role("button", name="New conversation").click()
    window.says(re.compile("cannot be reached"))
    platform.start("brain")
    expect(window.question).to_be_visible()
    window.ask_and_wait("Hello there")


def test_an_answer_outlives_the_brain(window: Window, platform: WebBox) -> None:
    window.come_as("fay")
    window.ask("Tell me a long story")
    expect(window.answering).to_contain_text("sentence 5 ")
    platform.kill("brain")
    window.says(re.compile("Trollama cannot be reached"))
    platform.start("brain")
    expect(window.answering).to_contain_text("sentence 6 ")
    window.stop.click()
    window.says("Stopped.")
