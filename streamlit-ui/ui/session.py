"""Who uses this page: kept in the script's state, and in a cookie over a reload."""

import streamlit as st

from shared.errors import AuthRequired, BoundaryError
from shared.http import Refused
from ui import cookie
from ui.parts import parts
from ui.sign_in import SignIn, sign_in_of

SIGN_IN = "sign_in"
LEFT = "signed_out"
ORDER = "cookie_order"
WHY = "why_signed_out"
OVER = "Your sign-in has ended. Please log in again; what you wrote is kept."


def current(*, refused: str | None = None) -> SignIn | None:
    """
    Who is signed in, exchanged if it is due or the brain has `refused` this token.

    Raises `Upstream` when that cannot be told now because auth-service does not answer.
    """
    known: SignIn | None = st.session_state.get(SIGN_IN)
    try:
        if known is None:
            if st.session_state.get(LEFT) or (token := cookie.kept()) is None:
                return None
            known = parts().renewals.of_token(token)
        fresh = parts().renewals.kept(known, refused=refused)
    except (AuthRequired, Refused) as refused:
        if refused.status != AuthRequired.status:
            raise
        over(why=OVER if known is not None else None)
        return None
    if fresh is not st.session_state.get(SIGN_IN):
        _begin(fresh)
    return fresh


def signed_in() -> SignIn:
    """Who is signed in, on a page that only those see."""
    sign_in = st.session_state[SIGN_IN]
    assert isinstance(sign_in, SignIn)
    return sign_in


def log_in(username: str, password: str) -> None:
    """Begin a sign-in. Raises what auth-service refuses."""
    answer = parts().auth.post("/login", json={"username": username, "password": password})
    _begin(sign_in_of(str(answer["access_token"]), answer["user"]))


def replace(answer: dict[str, object]) -> None:
    """Go on with the sign-in that auth-service gave in place of the one until now."""
    profile = answer["user"]
    assert isinstance(profile, dict)
    _begin(parts().renewals.replace(signed_in(), str(answer["access_token"]), profile))


def log_out() -> None:
    """End the sign-in here, at auth-service and in the browser."""
    known: SignIn | None = st.session_state.get(SIGN_IN)
    over(why=None)
    if known is not None:
        try:
            parts().renewals.end(known)
        except BoundaryError:
            return  # another page had ended it


def over(*, why: str | None) -> None:
    """Nobody is signed in any more; `why` is said on the page for logging in."""
    st.session_state.pop(SIGN_IN, None)
    st.session_state[LEFT] = True
    st.session_state[WHY] = why
    _order("", 0)


def why_over() -> str | None:
    """Why the person finds the page for logging in, if there is anything to say."""
    why: str | None = st.session_state.get(WHY)
    return why


def carry_out() -> None:
    """Have the browser keep what was decided; first on every page, a reload may come soon."""
    order: cookie.Order | None = st.session_state.get(ORDER)
    if order is not None:
        cookie.obey(order)


def _begin(sign_in: SignIn) -> None:
    st.session_state[SIGN_IN] = sign_in
    st.session_state[LEFT] = False
    st.session_state[WHY] = None
    left = sign_in.expires_at - parts().clock.now()
    if sign_in.token != cookie.kept():
        _order(sign_in.token, max(0, int(left)))


def _order(token: str, seconds: int) -> None:
    before: cookie.Order | None = st.session_state.get(ORDER)
    number = 1 if before is None else before.number + 1
    st.session_state[ORDER] = cookie.Order(number, token, seconds)
