"""The title of the open conversation and what can be done with it."""

import streamlit as st

from ui import chat_state, export, trouble
from ui.brain import Brain
from ui.conversation import Conversation, Listed
from ui.markdown import plain
from ui.parts import parts
from ui.words import title_of

MODELS_SECONDS = 60.0
CHOSEN = "times_chosen"


def show(conversation: Conversation, line: Listed | None, *, brain: Brain) -> None:
    """Title on the left, menu on the right."""
    title = conversation.title or (line.title if line else "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(title_of(title, chars=60))}**", width="stretch")
        if "discord" in conversation.doors or (line is not None and line.in_discord):
            st.badge("Discord", icon=":material/forum:", color="violet")
        times: int = st.session_state.get(CHOSEN, 0)
        with (
            st.container(key="menu", width="content"),
            st.popover("", icon=":material/more_horiz:", type="tertiary", key=f"menu-{times}"),
        ):
            _menu(conversation, title, brain=brain)


def models(brain: Brain) -> list[str]:
    """What a question may be asked of; asked of the brain once a minute."""
    kept = st.session_state.get("models")
    now = parts().clock.monotonic()
    if kept is None or kept[0] + MODELS_SECONDS < now:
        kept = st.session_state["models"] = (now, brain.models())
    return list(kept[1])


def _menu(conversation: Conversation, title: str, *, brain: Brain) -> None:
    conversation_id = conversation.conversation_id
    if st.button("Rename", icon=":material/edit:", type="tertiary", on_click=_close_menu):
        _rename(conversation_id, title, brain)
    st.download_button(
        "Export as Markdown",
        data=lambda: export.markdown(_whole(conversation, brain)),
        file_name=export.filename(title, "md"),
        mime="text/markdown",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )
    st.download_button(
        "Export as JSON",
        data=lambda: export.as_json(_whole(conversation, brain)),
        file_name=export.filename(title, "json"),
        mime="application/json",
        icon=":material/data_object:",
        type="tertiary",
        on_click="ignore",
    )
    if st.button("Delete", icon=":material/delete:", type="tertiary", on_click=_close_menu):
        _delete(conversation_id, title, brain)


def _close_menu() -> None:
    """A popover under another key is another one, and closed; it would lie over the dialog."""
    st.session_state[CHOSEN] = st.session_state.get(CHOSEN, 0) + 1


def _whole(conversation: Conversation, brain: Brain) -> Conversation:
    return brain.whole(conversation.conversation_id) or conversation


@st.dialog("Rename this conversation")
def _rename(conversation_id: str, title: str, brain: Brain) -> None:
    with st.form("rename", border=False):
        wanted = st.text_input("Title", value=title, max_chars=200)
        sent = st.form_submit_button("Rename", type="primary")
    if sent and trouble.attempt(lambda: brain.rename(conversation_id, wanted.strip())):
        st.rerun()


@st.dialog("Delete this conversation?")
def _delete(conversation_id: str, title: str, brain: Brain) -> None:
    st.write(
        f"**{plain(title_of(title, chars=80))}** is removed for everybody who takes part in it. "
        "This cannot be undone."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="really") and trouble.attempt(
            lambda: brain.delete(conversation_id)
        ):
            chat_state.go_to(None)
            st.rerun()
        if st.button("Keep it"):
            st.rerun()
