"""What a person wants different from the default, in every question, here and in Discord."""

from typing import Any

import streamlit as st

from ui import chat_menu, session, sidebar, trouble
from ui.brain import Brain
from ui.parts import parts

BY_ITSELF = "Chosen for each question"
THINKING: dict[str, bool | str | None] = {
    "As the question needs it": None,
    "Never": False,
    "A little": "low",
    "Some": "medium",
    "A lot": "high",
}
WEB: dict[str, bool | None] = {
    "When the question needs it": None,
    "With every question": True,
    "Never": False,
}
LANGUAGES: dict[str, str | None] = {
    "The language of the question": None,
    "Arabic": "ar",
    "Chinese": "zh",
    "Dutch": "nl",
    "English": "en",
    "French": "fr",
    "German": "de",
    "Italian": "it",
    "Japanese": "ja",
    "Korean": "ko",
    "Polish": "pl",
    "Portuguese": "pt",
    "Russian": "ru",
    "Spanish": "es",
    "Turkish": "tr",
}
USUAL_TEMPERATURE = 0.7


def page() -> None:
    """Model, temperature, thinking, the web, language."""
    sign_in = session.signed_in()
    brain = Brain(parts().brain, token=sign_in.token, user_id=sign_in.user_id)
    week = brain.week()
    st.title("Settings", anchor=False)
    st.caption("They hold for every question you ask, here and in Discord.")
    wishes = _form(week.preferences, chat_menu.models(brain))
    if wishes is not None and trouble.attempt(lambda: brain.prefer(wishes)):
        st.success("Saved. Your next question is asked this way.")
    st.subheader("Your week", anchor=False)
    sidebar.show_budget(week)


def _form(now: dict[str, Any], models: list[str]) -> dict[str, Any] | None:
    """The wishes of a form that was sent just now."""
    with st.form("preferences"):
        model = _choice("Model", {BY_ITSELF: None} | {name: name for name in models}, now["model"])
        think = _choice(
            "Thinking", THINKING, now["think"], help="More thinking takes longer and more tokens."
        )
        web_search = _choice("Search the web", WEB, now["web_search"])
        language = _choice("Answer in", LANGUAGES, now["language"])
        own = st.toggle(
            "Temperature of my own",
            value=now["temperature"] is not None,
            help="Off: the model's own.",
        )
        temperature = st.slider(
            "Temperature",
            min_value=0.0,
            max_value=2.0,
            step=0.1,
            value=USUAL_TEMPERATURE if now["temperature"] is None else float(now["temperature"]),
            help="Low: the likeliest words, nearly the same each time. High: more surprising.",
        )
        if not st.form_submit_button("Save", type="primary"):
            return None
    return {
        "model": model,
        "think": think,
        "web_search": web_search,
        "language": language,
        "temperature": temperature if own else None,
    }


def _choice(label: str, choices: dict[str, Any], now: Any, *, help: str | None = None) -> Any:  # noqa: A002 - Streamlit's word
    """One of `choices`; what holds now is offered too when it is none of them."""
    known = next((name for name, value in choices.items() if value == now), None)
    if known is None:
        known = "On" if now is True else str(now)
        choices = choices | {known: now}
    names = list(choices)
    return choices[st.selectbox(label, names, index=names.index(known), help=help)]
