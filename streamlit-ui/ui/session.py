"""Who uses this page: kept in the script's state, and in a cookie over a reload."""

from typing import Any

import streamlit as st

from shared.errors import AuthRequired, BoundaryError, Upstream
from shared.http import Refused
from ui import browser, chat_state, discord
from ui.parts import parts
from ui.sign_in import SignIn, sign_in_of

SIGN_IN = "sign_in"
LEFT = "signed_out"
KEEP = "keep_order"
WHY = "why_signed_out"
LAST = "last_person"
OVER = "Your sign-in has ended. Please log in again; what you wrote is kept."


def current() -> SignIn | None:
    """
    Who is signed in, exchanged if it is due.

    Raises `Upstream` and other refusals while auth-service cannot tell.
    """
    known: SignIn | None = st.session_state.get(SIGN_IN)
    try:
        if known is None:
            if st.session_state.get(LEFT) or (token := browser.kept()) is None:
                return None
            known = parts().renewals.of_token(token)
        fresh = parts().renewals.kept(known)
    except (AuthRequired, Refused) as ended:
        if ended.status != AuthRequired.status:
            raise
        over(why=None if known is None else OVER)
        return None
    if fresh is not st.session_state.get(SIGN_IN):
        _begin(fresh)
    return fresh


def signed_in() -> SignIn:
    """Who is signed in, on a page that only those see."""
    sign_in = st.session_state[SIGN_IN]
    assert isinstance(sign_in, SignIn)
    return sign_in


def renewed(*, refused: str | None = None) -> bool:
    """
    Whether the sign-in was exchanged, being due or having a token that the brain `refused`.

    Raises `AuthRequired` when it has ended; the page then waits for the person to do something,
    who may be writing.
    """
    before = signed_in()
    try:
        fresh = parts().renewals.kept(before, refused=refused)
    except Refused as refusal:
        if refusal.status != AuthRequired.status:
            return False
        raise AuthRequired(refusal.message) from refusal
    except Upstream:
        return False
    if fresh is before:
        return False
    _begin(fresh)
    return True


def log_in(username: str, password: str) -> None:
    """Begin a sign-in. Raises what auth-service refuses."""
    _begin_with(parts().auth.post("/login", json={"username": username, "password": password}))


def log_in_by_discord(consent: dict[str, str]) -> None:
    """The same for somebody who consented in Discord and whose account is linked."""
    _begin_with(parts().auth.post("/oauth/discord/sign-in", json=consent))


def replace(answer: dict[str, object]) -> None:
    """Go on with the sign-in that auth-service gave in place of the one until now."""
    profile = answer["user"]
    assert isinstance(profile, dict)
    _begin(parts().renewals.replace(signed_in(), str(answer["access_token"]), profile))


def log_out() -> None:
    """End the sign-in here, at auth-service and in the browser; nothing of the person stays."""
    known: SignIn | None = st.session_state.get(SIGN_IN)
    over(why=None)
    st.session_state.pop(LAST, None)
    chat_state.take_unsent()
    if known is not None:
        try:
            parts().renewals.end(known)
        except BoundaryError:
            return  # another page had ended it


def over(*, why: str | None) -> None:
    """Nobody is signed in any more; `why` is said on the page for logging in."""
    order = _next_order()
    unsent = chat_state.take_unsent()
    known: SignIn | None = st.session_state.get(SIGN_IN)
    st.session_state.clear()  # the next person in this tab is somebody else, perhaps
    st.session_state[LEFT] = True
    st.session_state[WHY] = why
    st.session_state[KEEP] = browser.Keep(order, "", 0)
    if known is not None:
        st.session_state[LAST] = known.user_id
        chat_state.keep_draft(unsent)


def why_over() -> str | None:
    """Why the person finds the page for logging in, if there is anything to say."""
    why: str | None = st.session_state.get(WHY)
    return why


def carry_out() -> None:
    """Have the browser do what was decided; first on every page, a reload may come soon."""
    orders = (st.session_state.get(KEEP), discord.keep())
    keeps = [order for order in orders if order is not None]
    folds = chat_state.times_moved()
    if keeps or folds:
        browser.obey(keeps, folds=folds)


def _begin_with(answer: dict[str, Any]) -> None:
    _begin(sign_in_of(str(answer["access_token"]), answer["user"]))


def _begin(sign_in: SignIn) -> None:
    if st.session_state.pop(LAST, sign_in.user_id) != sign_in.user_id:
        chat_state.keep_draft("")
    st.session_state[SIGN_IN] = sign_in
    st.session_state[LEFT] = False
    st.session_state[WHY] = None
    left = sign_in.expires_at - parts().clock.now()
    if sign_in.token != browser.kept():
        st.session_state[KEEP] = browser.Keep(_next_order(), sign_in.token, max(0, int(left)))


def _next_order() -> int:
    before: browser.Keep | None = st.session_state.get(KEEP)
    return 1 if before is None else before.number + 1
