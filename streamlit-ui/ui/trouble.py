"""What a page shows while something does not work, and how it goes on by itself afterwards."""

from collections.abc import Callable

import streamlit as st

from shared.errors import AuthRequired, BoundaryError
from shared.http import Refused
from ui import session
from ui.parts import parts

HEAL_SECONDS = 2
AGAIN = "This page goes on by itself as soon as it can."


def guarded(page: Callable[[], None]) -> None:
    """Run a page; a failure it does not deal with itself becomes a sentence in its place."""
    try:
        page()
    except BoundaryError as failed:
        if ends_the_sign_in(failed):
            session.over(why=session.OVER)
            st.rerun()
        if failed.retryable:
            until_it_heals(failed.message)
        else:
            st.error(failed.message)


def ends_the_sign_in(failed: BoundaryError) -> bool:
    """Whether a server no longer knows who this is."""
    return isinstance(failed, Refused) and failed.status == AuthRequired.status


def attempt(act: Callable[[], object], *, signed_in: bool = True) -> bool:
    """Whether `act` worked; where not, the sentence is on the page, or the sign-in is over."""
    try:
        act()
    except BoundaryError as failed:
        if signed_in and ends_the_sign_in(failed):
            session.over(why=session.OVER)
            st.rerun()
        st.error(failed.message)
        return False
    return True


@st.fragment(run_every=HEAL_SECONDS)
def until_it_heals(sentence: str) -> None:
    """Show a sentence until both servers answer; then begin anew."""
    st.warning(f"{sentence} {AGAIN}")
    if st.session_state.get("healing") and _healthy():
        st.session_state["healing"] = False
        st.rerun()
    st.session_state["healing"] = True


def _healthy() -> bool:
    try:
        parts().auth.get("/health/live")
        health = parts().brain.get("/health")
    except BoundaryError:
        return False
    return bool(health["status"] != "unhealthy")
