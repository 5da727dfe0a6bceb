"""The script Streamlit runs for every page and every click."""

from pathlib import Path

import streamlit as st

from shared.errors import BoundaryError
from ui import chat_state, session, sidebar, trouble
from ui.app_pages import account, chat, login, memory, settings
from ui.sign_in import SignIn

LOOK = Path(__file__).with_name("look.css")


def pages_for(sign_in: SignIn | None) -> dict[str, st.Page]:
    """What this person may open, by the name of the page; all lead to the login while nobody is."""
    every = {
        "chat": (chat.page, "Chat"),
        "settings": (settings.page, "Settings"),
        "account": (account.page, "Account"),
    }
    if sign_in is None or sign_in.role == "admin":
        every["memory"] = (memory.page, "Memory")
    return {
        name: st.Page(
            login.page if sign_in is None else page,
            title=f"{title} · Trollama",
            url_path=name,
            default=name == "chat",
        )
        for name, (page, title) in every.items()
    }


def show() -> None:
    """One run of the script."""
    st.set_page_config(page_title="Trollama", page_icon="🧌", layout="centered")
    st.html(LOOK)
    try:
        sign_in = session.current()
    except BoundaryError as down:
        st.navigation(list(pages_for(None).values()), position="hidden")  # the page stays the same
        trouble.until_it_heals(down.message)
        return
    pages = pages_for(sign_in)
    page = st.navigation(list(pages.values()), position="hidden")
    chat_state.turn_to(page.title)
    session.carry_out()
    trouble.guarded(page.run)
    if sign_in is not None:
        with st.sidebar:
            sidebar.show_ways(pages, sign_in)


show()
