"""Who one is here, and everything that hangs on it."""

import streamlit as st

from ui import chat_state, discord, session, sidebar, trouble
from ui.accounts import DISCORD, Accounts, Code, Key, Method, Person
from ui.brain import Brain
from ui.markdown import plain
from ui.parts import parts
from ui.sign_in import SignIn
from ui.words import day, lasting_seconds

FORGET_WORD = "forget"
CODE = "link_code"
NEW_KEY = "new_key"
GIVEN = "code_of_the_bot"


def page() -> None:
    """Name, Discord, keys, password, and the ways out."""
    sign_in = session.signed_in()
    accounts = Accounts(parts().auth, token=sign_in.token)
    methods = accounts.methods()
    st.title("Account", anchor=False)
    role = "an admin" if sign_in.role == "admin" else "a user"
    st.markdown(f"**{plain(sign_in.name)}**, username {plain(sign_in.username)}, {role}.")
    _come_back(sign_in)
    _discord(accounts, [one for one in methods if one.provider == DISCORD])
    _keys(accounts)
    if any(one.provider == "password" for one in methods):
        _password(accounts)
    _ways_out(sign_in, accounts)


def _come_back(sign_in: SignIn) -> None:
    """From Discord, where the person consented, or did not."""
    if error := discord.take_error():
        st.error(error)
    consent = discord.take_consent()
    if consent and trouble.attempt(lambda: discord.link(sign_in, consent)):
        st.rerun()


def _discord(accounts: Accounts, linked: list[Method]) -> None:
    st.subheader("Discord", anchor=False)
    for one in linked:
        st.markdown(f":material/link: Linked with **{plain(one.name)}** in Discord.")
    if linked:
        st.caption("Your conversations, budget and files are the same there and here.")
        return
    if given := st.session_state.get(GIVEN):
        _is_this_you(accounts, *given)
        return
    st.write(
        "Link your Discord account, and your conversations, budget and files are the same there "
        "and here."
    )
    if discord.is_offered(parts().auth.get("/registration")):
        discord.offer("Link in the browser", path="account")
    if st.button("Get a code", type="primary"):
        trouble.attempt(lambda: st.session_state.__setitem__(CODE, accounts.link_code()))
    code: Code | None = st.session_state.get(CODE)
    if code is not None:
        st.write("In Discord, write this to the bot, in any channel or in a direct message:")
        st.code(f"/link code:{code.code}", language=None)
        st.caption(
            f"The code is good for {lasting_seconds(code.expires_in)} and works once. Then reload "
            "this page."
        )
    with st.expander("The bot gave you a code?"), st.form("link", border=False):
        typed = st.text_input("Code from Discord").strip()
        if st.form_submit_button("Link") and trouble.attempt(
            lambda: st.session_state.__setitem__(GIVEN, (typed, accounts.person(typed)))
        ):
            st.rerun()


def _is_this_you(accounts: Accounts, code: str, person: Person) -> None:
    """Anybody may have been given the code: link only whom this person knows."""
    st.markdown(
        f"This code was given to **{plain(person.display_name)}** in Discord "
        f"(id {person.provider_user_id}). Is this you?"
    )
    st.warning(
        "Whoever it is gets all your conversations and files. If somebody else gave you the code, "
        "press Cancel."
    )
    with st.container(horizontal=True):
        connect = st.button("Connect", type="primary")
        cancel = st.button("Cancel")
    if cancel or (connect and trouble.attempt(lambda: accounts.link(code))):
        del st.session_state[GIVEN]
        st.rerun()


def _keys(accounts: Accounts) -> None:
    st.subheader("API keys", anchor=False)
    st.write("For programs that speak with OpenAI's interface; they ask in your name.")
    st.code(f"base_url = {sidebar.brain_url()}/v1", language=None)
    fresh = st.session_state.pop(NEW_KEY, None)
    if fresh is not None:
        st.success("Copy the new key now; it is never shown again.")
        st.code(fresh, language=None)
    for key in accounts.api_keys():
        _key(key, accounts)
    with st.form("new_key_form", clear_on_submit=True, border=False):
        name = st.text_input("Name of a new key", placeholder="laptop", max_chars=60)
        sent = st.form_submit_button("Create a key")
    if sent and trouble.attempt(
        lambda: st.session_state.__setitem__(NEW_KEY, accounts.create_key(name.strip()))
    ):
        st.rerun()


def _key(key: Key, accounts: Accounts) -> None:
    tz = sidebar.tz()
    used = f"last used {day(key.last_used_at, tz)}" if key.last_used_at else "never used"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{plain(key.name)}**, made {day(key.created_at, tz)}, {used}", width="stretch"
        )
        if st.button("Revoke", key=f"revoke-{key.id}") and trouble.attempt(
            lambda: accounts.revoke_key(key.id)
        ):
            st.rerun()


def _password(accounts: Accounts) -> None:
    st.subheader("Password", anchor=False)
    with st.form("password", clear_on_submit=True, border=False):
        old = st.text_input("Password until now", type="password", autocomplete="current-password")
        new = st.text_input("New password", type="password", autocomplete="new-password")
        sent = st.form_submit_button("Change the password")
    if sent and trouble.attempt(
        lambda: session.replace(accounts.change_password(old, new)), signed_in=False
    ):
        st.success("Changed. Everywhere else you have to log in again.")


def _ways_out(sign_in: SignIn, accounts: Accounts) -> None:
    st.subheader("Leave", anchor=False)
    if st.button("Log out", icon=":material/logout:", on_click=session.log_out):
        return
    if st.button("Forget me", icon=":material/auto_delete:"):
        _forget(Brain(parts().brain, token=sign_in.token, user_id=sign_in.user_id))
    if st.button("Delete my account", icon=":material/person_remove:"):
        _delete(accounts)
    forgotten = st.session_state.pop("forgotten", None)
    if forgotten is not None:
        st.success(forgotten)


@st.dialog("Forget me")
def _forget(brain: Brain) -> None:
    st.write(
        "Removed are: your conversations and what was said in them, your files, your requests and "
        "their answers, your votes and your settings. What you used of this week's budget stays "
        "used. Your account stays. This cannot be undone."
    )
    with st.form("forget", border=False):
        word = st.text_input(f"Type {FORGET_WORD} to confirm")
        sent = st.form_submit_button("Forget me", type="primary")
    if not sent:
        return
    if word.strip().lower() != FORGET_WORD:
        st.error(f"Please type {FORGET_WORD}, or close this window.")
        return
    if trouble.attempt(lambda: _forgotten(brain)):
        chat_state.go_to(None)
        st.rerun()


def _forgotten(brain: Brain) -> None:
    removed = brain.forget()
    count = removed.get("conversations", 0)
    said = "one conversation" if count == 1 else f"{count} conversations"
    st.session_state["forgotten"] = f"Done. {said.capitalize()} and all that belonged to them went."


@st.dialog("Delete my account")
def _delete(accounts: Accounts) -> None:
    st.write(
        "Your account, your links and keys are removed, and everything that Forget me removes. "
        "This cannot be undone."
    )
    with st.form("delete", border=False):
        password = st.text_input("Your password", type="password", autocomplete="current-password")
        sent = st.form_submit_button("Delete my account", type="primary")
    if sent and trouble.attempt(lambda: accounts.delete(password), signed_in=False):
        session.over(why="Your account is deleted. Take care.")
        st.rerun()
