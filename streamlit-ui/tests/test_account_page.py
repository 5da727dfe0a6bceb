from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ui.session import SIGN_IN


@pytest.fixture
def account(annas_page: Any) -> AppTest:
    def script() -> None:
        from ui.app_pages import account

        account.page()

    app: AppTest = annas_page(script)
    return app


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def field(app: AppTest, label: str) -> Any:
    return next(one for one in app.text_input if one.label == label)


def test_a_code_comes_with_what_to_do_in_discord(account: AppTest) -> None:
    account.run()
    button(account, "Get a code").click().run()
    assert "/link code:ABCD-1234" in [one.value for one in account.code]
    assert any("good for 10 minutes" in one.value for one in account.caption)


def test_who_is_linked_needs_no_code(account: AppTest, platform: Any) -> None:
    platform.methods = [{"provider": "password"}, {"provider": "discord", "name": "anna_d"}]
    account.run()
    assert any(r"Linked with **anna\_d**" in one.value for one in account.markdown)
    assert "Get a code" not in [one.label for one in account.button]


LINKED = ("POST", "/link-auth-method", {"provider": "discord", "code": "WXYZ"})


def type_code_of_the_bot(account: AppTest) -> None:
    account.run()
    field(account, "Code from Discord").set_value(" WXYZ ")
    button(account, "Link").click().run()


def test_a_code_of_the_bot_links_whom_the_person_knows(account: AppTest, platform: Any) -> None:
    type_code_of_the_bot(account)
    asked = next(one.value for one in account.markdown if "Is this you?" in one.value)
    assert r"**anna\_d**" in asked
    assert "1042" in asked
    assert LINKED not in platform.asked
    button(account, "Connect").click().run()
    assert LINKED in platform.asked
    assert not any("Is this you?" in one.value for one in account.markdown)


def test_a_code_of_somebody_else_can_be_declined(account: AppTest, platform: Any) -> None:
    type_code_of_the_bot(account)
    button(account, "Cancel").click().run()
    assert LINKED not in platform.asked
    assert field(account, "Code from Discord")


def test_a_code_that_is_none_asks_nothing(account: AppTest, platform: Any) -> None:
    platform.broken["/link/identity"] = (404, "This code is not valid.")
    type_code_of_the_bot(account)
    assert account.error[0].value == "This code is not valid."
    assert "Connect" not in [one.label for one in account.button]
    assert field(account, "Code from Discord")


def test_a_code_that_ended_meanwhile_leaves_the_question(account: AppTest, platform: Any) -> None:
    type_code_of_the_bot(account)
    platform.broken["/link-auth-method"] = (404, "This code is not valid.")
    button(account, "Connect").click().run()
    assert account.error[0].value == "This code is not valid."
    button(account, "Cancel").click().run()
    assert field(account, "Code from Discord")


def test_a_new_key_is_shown_once(account: AppTest) -> None:
    account.run()
    field(account, "Name of a new key").set_value("laptop")
    button(account, "Create a key").click().run()
    assert "tr-secret" in [one.value for one in account.code]
    account.run()
    assert "tr-secret" not in [one.value for one in account.code]


def test_a_key_can_be_revoked(account: AppTest, platform: Any) -> None:
    platform.keys = [{"id": "k1", "name": "laptop", "created_at": 1_760_000_000.0}]
    account.run()
    assert any("made 9 October 2025, never used" in one.value for one in account.markdown)
    button(account, "Revoke").click().run()
    assert ("DELETE", "/keys/k1", None) in platform.asked


def test_a_new_password_goes_on_with_a_new_sign_in(account: AppTest, platform: Any) -> None:
    account.run()
    before = account.session_state[SIGN_IN].token
    field(account, "Password until now").set_value("old words")
    field(account, "New password").set_value("new words")
    button(account, "Change the password").click().run()
    assert ("POST", "/password", {"old": "old words", "new": "new words"}) in platform.asked
    assert account.session_state[SIGN_IN].token != before
    assert "Changed." in account.success[0].value


def test_a_wrong_password_does_not_end_the_sign_in(account: AppTest, platform: Any) -> None:
    account.run()
    platform.broken["/password"] = (401, "Wrong username or password.")
    button(account, "Change the password").click().run()
    assert account.error[0].value == "Wrong username or password."
    assert SIGN_IN in account.session_state


def test_somebody_without_a_password_is_not_asked_for_one(account: AppTest, platform: Any) -> None:
    platform.methods = [{"provider": "discord", "name": "anna_d"}]
    account.run()
    assert "Change the password" not in [one.label for one in account.button]


def test_nobody_is_forgotten_by_one_click(account: AppTest, platform: Any) -> None:
    account.run()
    button(account, "Forget me").click().run()
    assert field(account, "Type forget to confirm")
    assert not [one for one in platform.asked if one[0] == "DELETE"]
