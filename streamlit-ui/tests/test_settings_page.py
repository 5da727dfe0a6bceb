from typing import Any

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def settings(annas_page: Any) -> AppTest:
    def script() -> None:
        from ui.app_pages import settings

        settings.page()

    app: AppTest = annas_page(script)
    return app


def select(app: AppTest, label: str) -> Any:
    return next(one for one in app.selectbox if one.label == label)


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def saved(app: AppTest, platform: Any) -> dict[str, Any]:
    button(app, "Save").click().run()
    method, path, wishes = platform.asked[-1]
    assert (method, path) == ("PATCH", "/api/user/u1/preferences")
    assert "Saved" in app.success[0].value
    kept: dict[str, Any] = wishes
    return kept


def test_nothing_is_preferred_until_somebody_does(settings: AppTest, platform: Any) -> None:
    settings.run()
    assert not settings.exception
    assert select(settings, "Model").options == [
        "Chosen for each question", "big:20b", "small:1b",
    ]  # fmt: skip
    assert saved(settings, platform) == {
        "model": None, "think": None, "web_search": None, "language": None, "temperature": None,
    }  # fmt: skip


def test_what_is_chosen_is_kept(settings: AppTest, platform: Any) -> None:
    settings.run()
    select(settings, "Model").select("small:1b")
    select(settings, "Thinking").select("A lot")
    select(settings, "Search the web").select("Never")
    select(settings, "Answer in").select("German")
    settings.toggle[0].set_value(True)
    settings.slider[0].set_value(0.0)
    assert saved(settings, platform) == {
        "model": "small:1b", "think": "high", "web_search": False, "language": "de",
        "temperature": 0.0,
    }  # fmt: skip


def test_what_holds_is_shown_also_when_this_page_could_not_choose_it(
    settings: AppTest, platform: Any
) -> None:
    platform.week["preferences"] = {
        "model": "gone:7b", "think": True, "web_search": True, "language": "pt-BR",
        "temperature": 0.0,
    }  # fmt: skip
    settings.run()
    shown = [select(settings, one).value for one in ("Model", "Thinking", "Answer in")]
    assert shown == ["gone:7b", "On", "pt-BR"]
    assert settings.slider[0].value == 0.0
    assert saved(settings, platform) == platform.week["preferences"]
