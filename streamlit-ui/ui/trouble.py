"""What a page shows while something does not work, and how it goes on by itself afterwards."""

from collections.abc import Callable

import streamlit as st

from shared.errors import AuthRequired, BoundaryError
from shared.http import Refused
from ui import session
from ui.parts import parts

HEAL_SECONDS = 2
AGAIN = "This page goes on by itself as soon as it can."


def leave() -> None:
    """Go to the page for logging in; what was asked and not taken comes along."""
    session.over(why=session.OVER)
    st.rerun()


def guarded(page: Callable[[], None], *, ended: Callable[[], None] = leave) -> bool:
    """
    Whether `page` ran; a failure it does not deal with itself becomes a sentence in its place.

    `ended` is called when a server no longer knows who this is.
    """
    try:
        page()
    except BoundaryError as failed:
        if ends_the_sign_in(failed):
            ended()
        elif failed.retryable:
            until_it_heals(failed.message)
        else:
            st.error(failed.message)
        return False
    return True


def ends_the_sign_in(failed: BoundaryError) -> bool:
    """Whether a server no longer knows who this is."""
    return isinstance(failed, Refused) and failed.status == AuthRequired.status


def attempt(act: Callable[[], object], *, signed_in: bool = True) -> bool:
    """Whether `act` worked; where not, the sentence is on the page, or the sign-in is over."""
    try:
        act()
    except BoundaryError as failed:
        if signed_in and ends_the_sign_in(failed):
            leave()
        st.error(failed.message)
        return False
    return True


@st.fragment(run_every=HEAL_SECONDS)
def until_it_heals(sentence: str) -> None:
    """Show a sentence until both servers answer; then begin anew."""
    st.warning(f"{sentence.split(';')[0].rstrip('.')}. {AGAIN}")
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
