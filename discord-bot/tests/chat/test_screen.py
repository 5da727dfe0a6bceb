"""Frames in, messages out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import texts
from bot.chat.screen import MAX_MESSAGES, Screen
from shared.protocol import Delta, Done, Failed, Queued, Source, Status, ToClient


def shown(*frames: ToClient, limit: int = 1900) -> list[str]:
    screen = Screen(limit)
    for frame in frames:
        screen.take(frame)
    return screen.messages()


def delta(text: str, attempt: int = 1) -> Delta:
    return Delta(ask_id="a", attempt=attempt, text=text)


def done(text: str = "42", **more: object) -> Done:
    return Done.model_validate({"ask_id": "a", "request_id": "r", "text": text, **more})


def failed(code: str = "internal", message: str = "It broke.") -> Failed:
    return Failed(ask_id="a", code=code, message=message)


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (Queued(ask_id="a", request_id="r", position=3), "⏳ 3rd in the queue"),
        (Queued(ask_id="a", request_id="r", position=11), "⏳ 11th in the queue"),
        (
            Status(ask_id="a", stage="loading_model", model="gpt-oss:20b", eta_seconds=8.2),
            "⏳ Loading gpt-oss:20b, about 8 s…",
        ),
        (Status(ask_id="a", stage="searching"), "⏳ Searching the web…"),
        (
            Status(ask_id="a", stage="reading_files", detail="Analyzing image with OCR…"),
            "⏳ Analyzing image with OCR…",
        ),
        (Queued(ask_id="a", request_id="r", position=1), "⏳ Next in the queue"),
        (
            Status(ask_id="a", stage="searching", detail="cats `rm`"),
            "⏳ Searching the web for `cats 'rm'`…",
        ),
        (
            Status(ask_id="a", stage="reading_page", detail="https://example.org/a_b_c"),
            "⏳ Reading example.org…",
        ),
        (Status(ask_id="a", stage="reading_files", detail="a_b_c.csv"), "⏳ Reading `a_b_c.csv`…"),
        (Status(ask_id="a", stage="saving", detail="a.py"), "⏳ Saving `a.py`…"),
        (
            Status(ask_id="a", stage="waiting", model="m:1b", detail="x:2b must finish first"),
            "⏳ Waiting for m:1b: x:2b must finish first",
        ),
        (
            Status(ask_id="a", stage="waiting", position=2, detail="the server is away"),
            "⏳ 2nd in the queue: the server is away",
        ),
        (
            Status(ask_id="a", stage="waiting", position=2, detail="🔧 Maintenance. It is queued."),
            "⏳ 🔧 Maintenance. It is queued. 2nd in the queue.",
        ),
        (Status(ask_id="a", stage="routing", detail="a shorter history"), "⏳ A shorter history"),
    ],
)
def test_a_status_line_says_what_happens(frame: ToClient, line: str) -> None:
    assert shown(frame) == [line]


def test_pieces_become_the_answer() -> None:
    assert shown(delta("4"), delta("2")) == ["42"]


def test_a_new_attempt_starts_over() -> None:
    assert shown(delta("half of it"), delta("4", attempt=2)) == ["4"]
    again = Status(ask_id="a", stage="routing", attempt=2)
    assert shown(delta("half of it"), again) == ["⏳ Choosing a model…"]


def test_the_end_wins_over_the_pieces_and_names_route_model_and_why() -> None:
    end = done("42", route="math", model="rnj-1:8b", why="numbers and an equation")
    assert shown(delta("4"), end) == ["42\n-# math · rnj-1:8b · numbers and an equation"]


def test_sources_stand_below() -> None:
    end = done("42", sources=[Source(title="A page", url="http://a.example/b")])
    assert shown(end) == ["42\n-# [A page](<http://a.example/b>)"]


@pytest.mark.parametrize(
    ("title", "url", "line"),
    [
        ("](http://evil) **x**", "http://a.example/b", "-# [evil x](<http://a.example/b>)"),
        (
            "See https://evil.example",
            "http://a.example",
            "-# [See evil.example](<http://a.example>)",
        ),
        ("", "http://a.example/b", "-# [a.example](<http://a.example/b>)"),
        ("A page", "http://a.example/>b", ""),
    ],
)
def test_a_source_is_one_link_whatever_its_title_says(title: str, url: str, line: str) -> None:
    assert texts.of_source(Source(title=title, url=url)) == line


def test_what_is_done_between_two_pieces_stands_below_them() -> None:
    search = Status(ask_id="a", stage="searching", detail="cats")
    below = "I look it up.\n-# ⏳ Searching the web for `cats`…"
    assert shown(delta("I look it up."), search) == [below]
    assert shown(delta("I look it up."), search, delta(" Done.")) == ["I look it up. Done."]


def test_code_is_shown_as_discord_knows_it() -> None:
    assert shown(delta("````py\nx\n````")) == ["```py\nx\n```"]


def test_what_was_said_before_a_failure_stays() -> None:
    assert shown(delta("4"), failed()) == ["4\n⚠️ It broke."]
    assert shown(failed("chat.cancelled")) == ["🛑 Stopped."]


def test_a_failure_that_may_pass_says_to_try_again() -> None:
    failure = Failed(ask_id="a", code="backend.failed", message="It broke.", retryable=True)
    assert shown(failure) == ["⚠️ It broke. Please try again in a moment."]
    said = failure.model_copy(update={"message": "Please try again later."})
    assert shown(said) == ["⚠️ Please try again later."]


def test_files_that_are_refused_are_named_instead_of_awaited() -> None:
    screen = Screen(1900)
    screen.take(done("Here."))
    screen.files_lost = texts.FILES_REFUSED
    (message,) = screen.messages()
    assert message.startswith("Here.\n⚠️ I may not attach files here.")


@pytest.mark.parametrize("end", [done("so " * 2000), failed("chat.cancelled")])
def test_an_answer_that_is_cut_says_so_below_what_stands(end: ToClient) -> None:
    screen = Screen(1900)
    screen.take(delta("so " * 2000))
    screen.cut_at = 1
    assert len(screen.messages()) == 1
    screen.take(end)
    (message,) = screen.messages()
    assert message.endswith(texts.CUT)
    assert not screen.whole_answer_as_file


def test_maintenance_is_said_until_the_answer_begins() -> None:
    queued = Queued(ask_id="a", request_id="r", position=1, maintenance=True)
    loading = Status(ask_id="a", stage="loading_model", model="gpt-oss:20b")
    (line,) = shown(queued, loading)
    assert line.startswith("⏳ Loading gpt-oss:20b…\n-# 🔧 Bot is under maintenance.")
    assert shown(queued, loading, delta("So")) == ["So"]


def test_nothing_follows_an_end() -> None:
    assert shown(failed(), delta("4"), done()) == ["⚠️ It broke."]


def test_an_empty_answer_says_what_to_do() -> None:
    assert shown(done("")) == ["The model had nothing to say. Regenerate asks it again."]


@given(st.text(max_size=3000), st.text(max_size=400), st.integers(200, 2000))
def test_no_message_is_too_long(text: str, why: str, limit: int) -> None:
    for end in (done(text, why=why), failed(message=why or "x")):
        messages = shown(delta(text), end, limit=limit)
        assert messages
        assert all(0 < len(one) <= 2000 for one in messages)
        assert len(messages) <= MAX_MESSAGES
