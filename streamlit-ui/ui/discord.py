"""
Logging in, or linking, by consent in Discord, where the operator has set that up (OAuth, PKCE).

    our page ─▶ auth-service ─▶ Discord ─▶ auth-service ─▶ our page with `oauth_code`

The page that comes back is a new one: the verifier that goes with the code (RFC 7636) waits in a
cookie of this browser, so a code that somebody else began is of no use here.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode, urlsplit

import streamlit as st

from ui import browser
from ui.addresses import browser_base
from ui.parts import parts
from ui.sign_in import SignIn

COOKIE = "trollama_discord"
VERIFIER = "discord_verifier"
CODE = "oauth_code"
ERROR = "oauth_error"
SECONDS = 600
SENTENCES = {
    "access_denied": "You did not allow it in Discord; nothing was changed.",
    "expired": "That took too long. Please try again.",
}
UNAVAILABLE = "Discord does not answer right now. Please try again in a moment."


def is_offered(registration: dict[str, Any]) -> bool:
    """Whether the operator has set it up, as `GET /registration` tells."""
    return "discord" in registration.get("providers", ())


def offer(label: str, *, path: str = "") -> None:
    """A button that asks for consent; the browser comes back to the page `path`."""
    order: browser.Keep | None = st.session_state.get(VERIFIER)
    if order is None:
        number = int(parts().clock.now())  # rises also when the state of the visit was cleared
        st.session_state[VERIFIER] = browser.Keep(number, token_urlsafe(48), SECONDS, cookie=COOKIE)
        st.rerun()  # the browser has to keep it before anybody goes
    st.link_button(label, _start_url(order.token, path), icon=":material/forum:", width="stretch")


def _start_url(verifier: str, path: str) -> str:
    settings = parts().settings
    page = st.context.url or ""
    auth = browser_base(page, public_url=settings.auth_public_url, port=settings.auth_port)
    here = urlsplit(page)
    return_to = f"{here.scheme}://{here.netloc}/{path}"
    return f"{auth}/oauth/discord/start?" + urlencode(
        {"return_to": return_to, "challenge": challenge(verifier)}
    )


def challenge(verifier: str) -> str:
    """What may be seen of the verifier (RFC 7636, section 4.2, S256)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def keep() -> browser.Keep | None:
    """The order to keep the verifier of this visit, if it has one."""
    order: browser.Keep | None = st.session_state.get(VERIFIER)
    return order


def take_error() -> str | None:
    """Why nothing came of it, once; None where nothing went wrong."""
    code = st.query_params.pop(ERROR, None)
    return None if code is None else SENTENCES.get(code, UNAVAILABLE)


def take_consent() -> dict[str, str] | None:
    """What the page came back with, once, for auth-service; None for a page that did not."""
    code = st.query_params.pop(CODE, None)
    verifier = st.context.cookies.get(COOKIE)
    return None if code is None or not verifier else {"code": code, "verifier": verifier}


def link(sign_in: SignIn, consent: dict[str, str]) -> None:
    """Link the Discord account that consented with this person's. Raises what is refused."""
    parts().auth.post("/oauth/discord/link", token=sign_in.token, json=consent)
