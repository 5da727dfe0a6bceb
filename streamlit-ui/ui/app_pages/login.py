"""Log in, or make an account where that is open."""

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from ui import discord, session, trouble
from ui.parts import parts

NO_SIDEBAR = """<style>
[data-testid=stSidebar], [data-testid=stExpandSidebarButton] { display: none; }
</style>"""
"""Streamlit keeps that of a person who logged out, without anything in it."""

Registration = Literal["open", "invite", "closed"]


def page() -> None:
    """Two forms; where accounts are made by the operator only, one and a sentence."""
    st.html(NO_SIDEBAR)
    st.title("🧌 Trollama")
    if why := session.why_over():
        st.info(why)
    if error := discord.take_error():
        st.error(error)
    consent = discord.take_consent()
    if consent and _worked(lambda: session.log_in_by_discord(consent)):
        st.rerun()
    answer: dict[str, Any] = parts().auth.get("/registration")
    registration: Registration = answer["registration"]
    if discord.is_offered(answer):
        discord.offer("Continue with Discord")
    if registration == "closed":
        _log_in()
        st.caption("Accounts are made by the operator here; please ask them for one.")
        return
    known, new = st.tabs(["Log in", "Create an account"])
    with known:
        _log_in()
    with new:
        _register(invited=registration == "invite")


def _log_in() -> None:
    with st.form("log_in", border=False):
        username = st.text_input("Username", autocomplete="username")
        password = st.text_input("Password", type="password", autocomplete="current-password")
        sent = st.form_submit_button("Log in", type="primary", width="stretch")
    if sent and not (username and password):
        st.error("Please type your username and your password.")
    elif sent and _worked(lambda: session.log_in(username, password)):
        st.rerun()


def _register(*, invited: bool) -> None:
    with st.form("register", border=False):
        username = st.text_input("Username", autocomplete="username", key="new_username")
        name = st.text_input(
            "Your name (optional)", help="How others see you.", autocomplete="name"
        )
        password = st.text_input(
            "Password",
            type="password",
            autocomplete="new-password",
            help="At least 8 characters. A short sentence is easy to remember.",
            key="new_password",
        )
        invite = st.text_input("Invitation", help="From the operator.") if invited else ""
        sent = st.form_submit_button("Create the account", type="primary", width="stretch")
    if sent:
        optional = {"display_name": name.strip(), "invite": invite.strip()}
        wanted = {"username": username, "password": password}
        wanted |= {field: value for field, value in optional.items() if value}
        if _worked(lambda: parts().auth.post("/register", json=wanted)) and _worked(
            lambda: session.log_in(username, password)
        ):
            st.rerun()


def _worked(act: Callable[[], object]) -> bool:
    return trouble.attempt(act, signed_in=False)
