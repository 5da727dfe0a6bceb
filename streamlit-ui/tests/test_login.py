from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest

from ui.session import KEEP, SIGN_IN

PASSWORD = "correct horse"


def field(app: AppTest, label: str, *, number: int = 0) -> Any:
    return [one for one in app.text_input if one.label == label][number]


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def log_in(app: AppTest, password: str) -> None:
    field(app, "Username").set_value("anna")
    field(app, "Password").set_value(password)
    button(app, "Log in").click().run()


def test_a_stranger_finds_the_page_for_logging_in(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Log in", "Create an account"]


def test_who_logs_in_is_kept_by_the_browser(app: AppTest, platform: Any) -> None:
    app.run()
    log_in(app, PASSWORD)
    assert app.session_state[SIGN_IN].name == "Anna"
    kept = app.session_state[KEEP]
    assert kept.token in platform.alive
    assert 0 < kept.seconds <= 8 * 3600
    assert not app.exception


def test_a_wrong_password_is_a_sentence(app: AppTest) -> None:
    app.run()
    log_in(app, "wrong")
    assert [one.value for one in app.error] == ["Wrong username or password."]
    assert SIGN_IN not in app.session_state


def test_who_types_nothing_is_asked_to(app: AppTest, platform: Any) -> None:
    app.run()
    log_in(app, "")
    assert [one.value for one in app.error] == ["Please type your username and your password."]
    assert ("POST", "/login") not in [asked[:2] for asked in platform.asked]


def test_a_new_account_is_signed_in_at_once(app: AppTest, platform: Any) -> None:
    app.run()
    field(app, "Username", number=1).set_value("anna")
    field(app, "Password", number=1).set_value(PASSWORD)
    button(app, "Create the account").click().run()
    registered = {"username": "anna", "password": PASSWORD}
    assert platform.asked[0] == ("POST", "/register", registered)
    assert app.session_state[SIGN_IN].username == "anna"


def test_where_the_operator_makes_accounts_there_is_no_form_for_it(
    app: AppTest, platform: Any
) -> None:
    platform.registration = "closed"
    app.run()
    assert [one.label for one in app.button] == ["Log in"]
    assert "Accounts are made by the operator" in app.caption[0].value


def test_an_invitation_is_asked_for_where_one_is_needed(app: AppTest, platform: Any) -> None:
    platform.registration = "invite"
    app.run()
    assert field(app, "Invitation")


def test_a_cookie_signs_in(app: AppTest, platform: Any, cookies: dict[str, str]) -> None:
    cookies["trollama"] = platform.sign_in()
    app.run()
    assert app.session_state[SIGN_IN].token == cookies["trollama"]


def test_a_cookie_whose_sign_in_has_ended_is_forgotten(
    app: AppTest, cookies: dict[str, str]
) -> None:
    cookies["trollama"] = "of.last.week"
    app.run()
    assert app.session_state[KEEP].token == ""
    assert not app.info  # nobody was thrown out


def test_who_logs_out_leaves_nothing_behind(annas_app: AppTest, platform: Any) -> None:
    annas_app.run()
    button(annas_app, "Log out Anna").click().run()
    assert ("POST", "/logout", None) in platform.asked
    assert SIGN_IN not in annas_app.session_state
    assert annas_app.session_state[KEEP].token == ""


def test_while_the_accounts_are_away_the_page_says_so_and_keeps_the_cookie(
    app: AppTest, platform: Any, cookies: dict[str, str]
) -> None:
    cookies["trollama"] = platform.sign_in()
    platform.broken["/me"] = (503, "The database does not answer right now; please try again.")
    app.run()
    assert app.warning[0].value.startswith("The database does not answer right now. This page")
    assert KEEP not in app.session_state
    platform.broken.clear()
    app.run()
    assert SIGN_IN in app.session_state


def test_the_accounts_server_learns_where_the_browser_is_and_the_brain_does_not(
    app: AppTest, platform: Any
) -> None:
    st.context.ip_address = "192.0.2.7"  # type: ignore[misc]  # a stand-in, see the fixture
    app.run()
    log_in(app, PASSWORD)
    assert platform.addresses["/login"] == ("192.0.2.7", "svc-" + "t7" * 20)
    assert platform.addresses["/api/conversations"] == (None, None)


def test_a_browser_on_this_machine_has_no_address_to_tell(app: AppTest, platform: Any) -> None:
    app.run()
    log_in(app, PASSWORD)
    assert platform.addresses["/login"] == (None, None)
