from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ui.chat_state import QUESTION
from ui.session import SIGN_IN

MADE = {"artifact_id": "f1", "filename": "sum.csv", "size": 2000, "url": "http://x"}
ANSWER: dict[str, Any] = {
    "role": "assistant", "text": "It is $5, :red[so]. ![x](https://evil.example/p)",
    "request_id": "r1", "route": "math", "model": "big:20b", "why": "a sum",
    "at": "2026-11-20T10:00:01Z", "sources": [{"title": "A page", "url": "https://a.example/(1)"}],
    "artifacts": [MADE],
}  # fmt: skip
QUESTION_TOLD = {"role": "user", "text": "What does *it* cost?", "name": "Anna", "at": ""}


@pytest.fixture
def talk(platform: Any) -> dict[str, Any]:
    """A conversation with one answer."""
    told: dict[str, Any] = {
        "conversation_id": "c1", "title": "Costs", "updated_at": "2026-11-20T10:00:01Z",
        "doors": ["web"], "participants": [{"user_id": "u1", "name": "Anna"}],
        "messages": [QUESTION_TOLD, ANSWER], "next": None,
    }  # fmt: skip
    platform.conversations["c1"] = told
    return told


@pytest.fixture
def opened(annas_app: AppTest, talk: dict[str, Any]) -> AppTest:
    annas_app.query_params["c"] = "c1"
    return annas_app.run()


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def test_the_first_page_greets_and_offers_to_ask(annas_app: AppTest) -> None:
    annas_app.run()
    assert not annas_app.exception
    assert annas_app.title[0].value == "Hello Anna"
    assert annas_app.chat_input[0].placeholder == "Ask anything"


def test_what_was_said_is_drawn(opened: AppTest) -> None:
    assert not opened.exception
    question, answer = opened.chat_message
    assert question.text[0].value == "What does *it* cost?"
    assert answer.markdown[0].value == r"It is \$5, \:red[so]. \![x](https://evil.example/p)"


def test_under_an_answer_stand_its_sources_and_how_it_came_about(opened: AppTest) -> None:
    said = [one.value for one in opened.chat_message[1].caption]
    assert said == ["Sources: [A page](https://a.example/%281%29)", r"math · big\:20b · a sum"]


def test_a_file_is_offered_and_not_fetched(opened: AppTest, platform: Any) -> None:
    made = opened.chat_message[1].download_button[0]
    assert made.label == r"sum\.csv (2 KB)"


def test_a_file_that_expired_says_what_to_do(opened: AppTest, talk: dict[str, Any]) -> None:
    gone = MADE | {"url": None}
    talk["messages"] = [QUESTION_TOLD, ANSWER | {"artifacts": [gone]}]
    opened.run()
    assert "no longer kept. Ask again" in opened.chat_message[1].caption[0].value


def test_asking_hands_the_question_to_the_component(opened: AppTest) -> None:
    opened.chat_input[0].set_value("And with tax?").run()
    question = opened.session_state[QUESTION]
    assert (question.conversation_id, question.text) == ("c1", "And with tax?")
    assert not opened.exception


def test_a_new_conversation_gets_an_id_of_its_own(opened: AppTest) -> None:
    button(opened, "New conversation").click().run()
    assert "c" not in opened.query_params
    opened.chat_input[0].set_value("Hello").run()
    assert opened.query_params["c"] == opened.session_state[QUESTION].conversation_id != "c1"


def test_a_vote_goes_to_the_brain(opened: AppTest, platform: Any) -> None:
    opened.feedback[0].set_value(1).run()
    vote = {"request_id": "r1", "verdict": "good"}
    assert ("POST", "/api/feedback", vote) in platform.asked


def test_conversations_are_found_by_their_titles(
    opened: AppTest, platform: Any, talk: dict[str, Any]
) -> None:
    platform.conversations["c2"] = talk | {"conversation_id": "c2", "title": "Trees"}
    opened.text_input(key="search").set_value("Tree").run()
    labels = [one.label for one in opened.sidebar.button]
    assert "Trees" in labels
    assert "Costs" not in labels


def test_what_is_also_in_discord_is_marked(opened: AppTest, talk: dict[str, Any]) -> None:
    talk["doors"] = ["discord", "web"]
    opened.run()
    assert button(opened, "Costs").icon == ":material/forum:"


def test_nothing_is_deleted_without_a_question(opened: AppTest, platform: Any) -> None:
    button(opened, "Delete").click().run()
    assert opened.button(key="really").label == "Delete"
    assert ("DELETE", "/api/conversations/c1", None) not in platform.asked


def test_older_messages_come_when_they_are_wanted(
    opened: AppTest, platform: Any, talk: dict[str, Any]
) -> None:
    talk["next"] = "older"
    opened.run()
    assert len(opened.chat_message) == 2
    button(opened, "Show older messages").click().run()
    assert len(opened.chat_message) == 4


def test_while_the_brain_is_away_the_field_stays(opened: AppTest, platform: Any) -> None:
    platform.broken["/api/conversations/c1"] = (503, "The database does not answer right now.")
    opened.run()
    assert opened.warning[0].value.startswith("The database does not answer right now. This page")
    assert opened.chat_input


def test_a_page_whose_sign_in_has_ended_waits_for_its_person(
    opened: AppTest, platform: Any
) -> None:
    platform.alive.clear()
    opened.run()
    assert "Your sign-in has ended" in opened.warning[0].value
    assert opened.chat_input


def test_a_question_asked_too_late_is_in_the_field_after_logging_in(
    opened: AppTest, platform: Any
) -> None:
    platform.alive.clear()
    opened.chat_input[0].set_value("Do not lose me").run()
    assert SIGN_IN not in opened.session_state
    assert "what you wrote is kept" in opened.info[0].value
    opened.text_input[0].set_value("anna")
    opened.text_input[1].set_value("correct horse")
    button(opened, "Log in").click().run()
    assert opened.chat_input[0].proto.value == "Do not lose me"


def test_a_draft_is_not_shown_to_another_person(opened: AppTest, platform: Any) -> None:
    platform.alive.clear()
    opened.chat_input[0].set_value("For my eyes only").run()
    platform.profile = platform.profile | {"user_id": "u2"}
    opened.text_input[0].set_value("bert")
    opened.text_input[1].set_value("correct horse")
    button(opened, "Log in").click().run()
    assert opened.session_state[SIGN_IN].user_id == "u2"
    assert not opened.chat_input[0].proto.value


def test_a_question_that_is_refused_stays_in_the_field(opened: AppTest) -> None:
    opened.chat_input[0].set_value("x" * 100_001).run()
    assert "Please shorten it" in opened.error[0].value
    assert opened.chat_input[0].proto.value == "x" * 100_001
    opened.run()
    assert not opened.error


def test_what_is_asked_in_discord_stands_there_until_it_has_ended(
    opened: AppTest, talk: dict[str, Any]
) -> None:
    asked = {"request_id": "r2", "text": "From the thread", "surface": "discord"}
    own = {"request_id": "r3", "text": "From this page", "surface": "web"}
    talk["running"] = [asked, own]
    opened.run()
    assert len(opened.chat_message) == 3
    assert opened.chat_message[2].text[0].value == "From the thread"
    assert opened.chat_message[2].caption[0].value.startswith("Asked in Discord.")


def test_a_summary_stands_folded_where_it_was_made(opened: AppTest, talk: dict[str, Any]) -> None:
    summary = {"role": "summary", "text": "They spoke of costs.", "name": None, "at": ""}
    talk["messages"] = [
        QUESTION_TOLD,
        ANSWER,
        summary,
        QUESTION_TOLD,
        ANSWER | {"request_id": "r2"},
    ]
    opened.run()
    assert not opened.exception
    folded = next(one for one in opened.expander if "in place of what is above" in one.label)
    assert folded.markdown[0].value == "They spoke of costs."
    assert len(opened.chat_message) == 4


def test_a_conversation_that_was_deleted_elsewhere_is_said_to_be(
    opened: AppTest, platform: Any
) -> None:
    del platform.conversations["c1"]
    opened.run()
    assert opened.info[0].value.startswith("This conversation was deleted.")
    opened.chat_input[0].set_value("Anything").run()
    assert not opened.exception


def test_who_comes_back_from_another_page_finds_the_conversation_again() -> None:
    def script() -> None:
        import streamlit as st

        from ui import chat_state

        chat_state.turn_to(st.session_state["on"])
        if st.session_state["on"] == "Chat":
            st.text(chat_state.open_conversation())

    page = AppTest.from_function(script)
    page.session_state["on"] = "Chat"
    page.query_params["c"] = "c1"
    page.run()
    for on in ("Settings", "Chat"):
        page.session_state["on"] = on
        page.query_params.clear()
        page.run()
    assert page.text[0].value == "c1"
    assert "c1" in page.query_params["c"]  # a reload finds it as well
    page.query_params.clear()
    page.run()
    assert page.text[0].value != "c1"  # the browser's way back leads to where it says
