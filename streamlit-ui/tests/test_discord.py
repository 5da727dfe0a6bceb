from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from ui.discord import COOKIE, VERIFIER, challenge
from ui.session import SIGN_IN


@pytest.fixture
def set_up(platform: Any) -> None:
    platform.providers = ("password", "discord")


def link(app: AppTest) -> str:
    url: str = app.link_button[0].url
    return url


def test_the_challenge_is_that_of_the_standard() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_where_it_is_not_set_up_nothing_is_offered(app: AppTest) -> None:
    app.run()
    assert not app.link_button


@pytest.mark.usefixtures("set_up")
def test_the_button_goes_to_the_accounts_server_and_back_here(app: AppTest) -> None:
    app.run()
    asked = parse_qs(urlsplit(link(app)).query)
    assert link(app).startswith("http://127.0.0.1:8002/oauth/discord/start?")
    assert asked["return_to"] == ["http://127.0.0.1:8501/"]
    assert asked["challenge"] == [challenge(app.session_state[VERIFIER].token)]
    assert app.session_state[VERIFIER].token not in link(app)


@pytest.mark.usefixtures("set_up")
def test_who_comes_back_is_signed_in(app: AppTest, platform: Any, cookies: dict[str, str]) -> None:
    cookies[COOKIE] = "the-verifier"
    app.query_params["oauth_code"] = "the-code"
    app.run()
    sent = {"code": "the-code", "verifier": "the-verifier"}
    assert ("POST", "/oauth/discord/sign-in", sent) in platform.asked
    assert app.session_state[SIGN_IN].name == "Anna"
    assert "oauth_code" not in app.query_params


@pytest.mark.usefixtures("set_up")
def test_a_code_that_another_browser_began_is_not_used(app: AppTest, platform: Any) -> None:
    app.query_params["oauth_code"] = "of-somebody-else"
    app.run()
    assert not platform.asked
    assert SIGN_IN not in app.session_state


def test_who_says_no_in_discord_finds_a_sentence(app: AppTest) -> None:
    app.query_params["oauth_error"] = "access_denied"
    app.run()
    assert "nothing was changed" in app.error[0].value
    app.run()
    assert not app.error
