"""An answer on its way, as a person at a browser sees it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

Frame = dict[str, Any]
Ask = Callable[[str], Frame]


def test_an_answer_streams_and_becomes_past(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Why is the sky blue?")
    turn = page.locator(".turn")
    expect(turn.locator(".asked")).to_have_text("Why is the sky blue?")
    brain.answer(asked, "It **scat", "ters** light.")
    expect(turn.locator(".answer strong")).to_have_text("scatters")
    assert turn.locator(".answer").get_attribute("aria-busy") == "true"
    before = runs(page)
    brain.done(asked, "It **scatters** light.")
    expect(turn).to_have_count(0)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(page.get_by_text(f"ended {asked['ask_id']}")).to_be_visible()
    assert runs(page) == before + 1


def runs(page: Page) -> int:
    """How often the page was run so far."""
    return int((page.get_by_text("Run ").text_content() or "").split()[1].rstrip(","))


def test_the_ask_carries_what_the_page_handed_over(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("file Please read")
    assert asked["conversation_id"] == "one"
    assert asked["surface"] == "web"
    assert asked["options"] == {"think": True}
    assert asked["attachments"][0]["file_id"] == "f1"
    expect(page.locator(".files li")).to_have_text("a.pdf, 1.2 kB")
    assert brain.tokens == ["first"]


def test_every_stage_is_one_line_and_is_heard(page: Page, brain: Any, ask: Ask) -> None:
    ask_id = ask("Hello")["ask_id"]
    line, heard = page.locator(".line"), page.get_by_role("log")
    expect(line).to_have_text("Sending…")
    brain.say("queued", ask_id=ask_id, request_id="r", position=3, maintenance=False)
    expect(line).to_have_text("Waiting: number 3 in the queue.")
    brain.say(
        "status", ask_id=ask_id, attempt=1, stage="loading_model", model="big:20b", eta_seconds=8
    )
    expect(line).to_have_text("Loading big:20b, about 8 s…")
    expect(heard).to_contain_text("Loading big:20b, about 8 s…")
    brain.say("thinking", ask_id=ask_id, attempt=1, text="Hm. ")
    brain.say("thinking", ask_id=ask_id, attempt=1, text="So.")
    thoughts = page.locator(".thoughts")
    expect(thoughts).not_to_be_visible()
    page.get_by_text("Thinking", exact=True).last.click()
    expect(thoughts).to_have_text("Hm. So.")


def test_who_does_not_want_thinking_sees_none(page: Page, brain: Any, ask: Ask) -> None:
    page.get_by_text("Thinking", exact=True).click()
    asked = ask("Hello")
    brain.say("thinking", ask_id=asked["ask_id"], attempt=1, text="Hm.")
    brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="Hi")
    expect(page.locator(".answer")).to_have_text("Hi")
    expect(page.locator(".thinking")).to_be_hidden()


@pytest.mark.parametrize("way", ["button", "escape"])
def test_stop_stops_and_keeps_what_was_written(page: Page, brain: Any, ask: Ask, way: str) -> None:
    asked = ask("Count")
    brain.answer(asked, "one two")
    stop = page.get_by_role("button", name="Stop this answer")
    stop.focus()
    page.keyboard.press("Enter" if way == "button" else "Escape")
    expect(page.locator(".line")).to_have_text("Stopping…")
    assert brain.first("cancel") == {"type": "cancel", "ask_id": asked["ask_id"]}
    brain.say("failed", ask_id=asked["ask_id"], code="chat.cancelled", message="x", retryable=False)
    expect(page.locator(".failure")).to_contain_text("Stopped.")
    expect(page.locator(".answer")).to_have_text("one two")
    expect(page.get_by_text(f"ended {asked['ask_id']}")).to_be_visible()


def test_a_failure_says_what_to_do_and_can_be_tried_again(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Count")
    sentence = "The model server gave up. Please try again."
    brain.say(
        "failed", ask_id=asked["ask_id"], code="backend.failed", message=sentence, retryable=True
    )
    expect(page.get_by_role("alert").get_by_text(sentence)).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    again = brain.asked(1)
    assert (again["text"], again["options"]) == (asked["text"], asked["options"])
    assert again["ask_id"] != asked["ask_id"]
    expect(page.locator(".turn")).to_have_count(1)


def test_a_failure_that_will_not_change_offers_no_second_try(
    page: Page, brain: Any, ask: Ask
) -> None:
    asked = ask("Count")
    brain.say(
        "failed", ask_id=asked["ask_id"], code="budget.exceeded", message="x", retryable=False
    )
    expect(page.locator(".failure")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_reload_goes_on_where_it_was(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Count")
    brain.answer(asked, "one ", "two ")
    expect(page.locator(".answer")).to_have_text("one two")
    page.reload()
    expect(page.locator(".answer")).to_have_text("one two")
    brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="three")
    expect(page.locator(".answer")).to_have_text("one two three")
    brain.done(asked, "one two three")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    hellos = brain.of_type("hello")
    assert hellos[1]["client_id"] == hellos[0]["client_id"]
    assert len(brain.of_type("ask")) == 1


def test_an_answer_that_ended_while_the_page_was_closed_is_past(
    page: Page, brain: Any, ask: Ask
) -> None:
    asked = ask("Count")
    brain.answer(asked, "one ")
    expect(page.locator(".answer")).to_have_text("one")
    address = page.url
    page.goto("about:blank")
    brain.done(asked, "one two")
    page.goto(address)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(page.locator(".turn")).to_have_count(0)


def test_a_lost_connection_comes_back_and_nothing_is_lost_or_doubled(
    page: Page, brain: Any, ask: Ask
) -> None:
    asked = ask("Count")
    brain.answer(asked, "one ")
    expect(page.locator(".answer")).to_have_text("one")
    brain.reachable = False
    brain.cut()
    expect(page.locator(".trouble")).to_contain_text("Trollama cannot be reached.")
    brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="two ")
    brain.reachable = True
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".answer")).to_have_text("one two")
    expect(page.locator(".trouble")).to_be_hidden()
    brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="three")
    expect(page.locator(".answer")).to_have_text("one two three")


def test_a_question_asked_without_a_connection_is_sent_when_there_is_one(
    page: Page, brain: Any
) -> None:
    brain.reachable = False
    brain.cut()
    expect(page.locator(".trouble")).to_be_visible()
    page.get_by_placeholder("Ask").fill("Still there?")
    page.get_by_placeholder("Ask").press("Enter")
    expect(page.locator(".trouble")).to_contain_text("Your question is kept.")
    brain.reachable = True
    assert brain.asked()["text"] == "Still there?"


def test_a_brain_that_restarted_is_asked_again(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Count")
    brain.answer(asked, "one ")
    expect(page.locator(".answer")).to_have_text("one")
    brain.restart()
    again = brain.asked(1)
    assert again["ask_id"] == asked["ask_id"]
    brain.answer(again, "ein ", attempt=2)
    expect(page.locator(".answer")).to_have_text("ein")
    brain.done(again, "ein zwei", attempt=2)
    expect(page.locator(".turn")).to_have_count(0)


def test_two_questions_are_answered_side_by_side(page: Page, brain: Any, ask: Ask) -> None:
    first, second = ask("First?"), ask("Second?")
    brain.answer(first, "eins")
    brain.answer(second, "zwei")
    answers = page.locator(".answer")
    expect(answers).to_have_text(["eins", "zwei"])
    brain.done(first, "eins")
    expect(answers).to_have_text(["zwei"])
    brain.done(second, "zwei")
    expect(answers).to_have_count(0)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(4)


def test_each_conversation_shows_its_own(page: Page, brain: Any, ask: Ask) -> None:
    first = ask("First?")
    brain.answer(first, "1")
    page.get_by_text("two", exact=True).click()
    expect(page.locator(".turn")).to_have_count(0)
    second = ask("Second?")
    assert second["conversation_id"] == "two"
    brain.done(first, "1 done")
    expect(page.get_by_text(f"ended {first['ask_id']}")).to_be_visible()
    expect(page.locator(".asked")).to_have_text(["Second?"])
    page.get_by_text("one", exact=True).click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_text("1 done")).to_be_visible()


def test_looking_at_another_page_in_between_loses_nothing(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Count")
    brain.answer(asked, "one ")
    expect(page.locator(".answer")).to_have_text("one")
    page.get_by_text("Elsewhere").click()
    expect(page.get_by_text("Another page.")).to_be_visible()
    brain.done(asked, "one two")
    page.get_by_text("Elsewhere").click()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    expect(page.locator(".turn")).to_have_count(0)
    assert len(brain.tokens) == 1  # the connection stayed


def test_the_same_chat_in_another_tab_can_be_taken_back(page: Page, brain: Any) -> None:
    brain.cut(4001)
    expect(page.locator(".trouble")).to_contain_text("This chat is open in another tab.")
    page.get_by_role("button", name="Use it here").click()
    expect(page.locator(".trouble")).to_be_hidden()
    assert len(brain.tokens) == 2


@pytest.mark.parametrize("way", ["refused at the door", "ended while connected"])
def test_a_token_that_is_refused_is_renewed_by_the_page(
    page: Page, brain: Any, ask: Ask, way: str
) -> None:
    asked = ask("Count")
    brain.answer(asked, "one ")
    expect(page.locator(".answer")).to_have_text("one")
    brain.refused_tokens.add("first")
    brain.cut(1012 if way == "refused at the door" else 1008)
    brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="two")
    expect(page.locator(".answer")).to_have_text("one two")
    assert brain.tokens[-1] == "second"
    assert brain.of_type("hello")[-1]["session_id"] == brain.session


def test_text_of_a_model_is_text(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("<b>Hi</b>")
    evil = (
        "<img src=x onerror='document.title=1'> <script>document.title=2</script> [x](javascript:1)"
    )
    brain.answer(asked, *evil)
    brain.say("status", ask_id=asked["ask_id"], attempt=1, stage="searching", detail="<i>q</i>")
    expect(page.locator(".answer")).to_contain_text("<script>document.title=2</script>")
    expect(page.locator(".asked")).to_have_text("<b>Hi</b>")
    expect(page.locator(".line")).to_have_text("Searching the web: <i>q</i>…")
    assert page.locator(".answer").locator("img, script, a").count() == 0


def test_pieces_that_come_close_together_are_drawn_together(
    page: Page, brain: Any, ask: Ask
) -> None:
    asked = ask("Write much")
    brain.answer(asked, "first ")
    answer = page.locator(".answer")
    expect(answer).to_have_text("first")
    answer.evaluate(
        """(answer) => {
          window.drawings = 0;
          window.began = performance.now();
          const count = () => { window.drawings += 1; window.took = performance.now() - began; };
          new MutationObserver(count).observe(answer, { childList: true, subtree: true });
        }"""
    )
    for number in range(100):
        brain.say("delta", ask_id=asked["ask_id"], attempt=1, text=f"word{number} ")
    expect(answer).to_contain_text("word99")
    drawings, took = page.evaluate("[drawings, took]")
    assert drawings <= took / 50 + 1


def test_who_scrolled_up_is_left_there(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Write much")
    area = page.locator(".stMain")
    brain.answer(asked, *["A line.\n\n"] * 60)
    page.wait_for_function(AT_BOTTOM)
    area.hover()
    page.mouse.wheel(0, -10_000)
    page.wait_for_function("() => document.querySelector('.stMain').scrollTop === 0")
    for _ in range(5):
        brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="Another line.\n\n")
        page.wait_for_timeout(150)  # longer than the page takes to look where the person is
    expect(page.locator(".answer p")).to_have_count(65)
    assert area.evaluate("(area) => area.scrollTop") == 0
    page.mouse.wheel(0, 10_000)
    page.wait_for_function(AT_BOTTOM)
    brain.say("delta", ask_id=asked["ask_id"], attempt=1, text="More.\n\n" * 20)
    expect(page.locator(".answer p")).to_have_count(85)
    page.wait_for_function(AT_BOTTOM)


def test_what_is_asked_from_above_is_shown(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Write much")
    brain.answer(asked, *["A line.\n\n"] * 60)
    brain.done(asked, "A line.\n\n" * 60)
    page.reload()
    expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
    page.wait_for_function(AT_BOTTOM)
    page.locator(".stMain").hover()
    page.mouse.wheel(0, -10_000)
    page.wait_for_function("() => document.querySelector('.stMain').scrollTop === 0")
    ask("And more")
    expect(page.locator(".turn")).to_be_in_viewport()
    page.wait_for_function(AT_BOTTOM)


AT_BOTTOM = """() => {
  const area = document.querySelector('.stMain');
  return area.scrollTop > 0 && area.scrollHeight - area.scrollTop - area.clientHeight < 5;
}"""


def test_code_is_copied_as_it_was_written(
    page: Page, context: BrowserContext, brain: Any, ask: Ask
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    asked = ask("Code")
    lines = "".join(f"line {number}\n" for number in range(100))
    brain.answer(asked, "```python\n", lines, "```\n")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == lines


def test_notices_are_shown_until_they_are_closed(page: Page, brain: Any) -> None:
    brain.say("notice", code="maintenance", message="Maintenance has begun.")
    expect(page.locator(".notice")).to_contain_text("Maintenance has begun.")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".notice")).to_have_count(0)


def test_the_newest_notice_about_a_thing_is_shown(page: Page, brain: Any) -> None:
    brain.say("notice", code="maintenance.soft", message="Maintenance has begun.")
    expect(page.locator(".notice")).to_contain_text("has begun")
    brain.say("notice", code="maintenance.ended", message="Maintenance is over.")
    expect(page.locator(".notice")).to_have_count(1)
    expect(page.locator(".notice")).to_contain_text("is over")


def test_that_it_stops_is_not_said_any_more_when_it_runs_again(page: Page, brain: Any) -> None:
    brain.say("notice", code="service.stopping", message="Trollama is stopping.")
    expect(page.locator(".notice")).to_have_count(1)
    brain.cut()
    expect(page.locator(".notice")).to_have_count(0)


def test_what_was_shown_is_acknowledged(page: Page, brain: Any, ask: Ask) -> None:
    asked = ask("Count")
    brain.answer(asked, "one")
    brain.done(asked, "one")
    last = brain.seq
    expect(page.locator(".turn")).to_have_count(0)
    assert {"type": "ack", "seq": last} in brain.of_type("ack")
    assert brain.kept == []
