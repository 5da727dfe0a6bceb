"""Which conversation is open and what was just asked, for the length of a browser's visit."""

from typing import Any
from uuid import uuid4

import streamlit as st

from ui.live import Question

PARAMETER = "c"
QUESTION = "question"
FRESH = "fresh_conversation"
DRAFT = "draft"
UNSENT = "unsent"
REFUSAL = "refusal"
MOVED = "times_moved"
PAGE = "page"
SEEN = "seen_conversation"
LEFT_OPEN = "left_open"
RETURNS = "returns_to_chat"
WRITTEN = "written"
"""The key of the field people write into."""


def open_conversation() -> str:
    """The id of the conversation on the page; it stands in the address, so a reload finds it."""
    named: str | None = st.query_params.get(PARAMETER)
    left: str | None = st.session_state.get(LEFT_OPEN)
    if st.session_state.pop(RETURNS, False) and left and not named:
        st.query_params[PARAMETER] = named = left  # the link of a page names no conversation
    st.session_state[LEFT_OPEN] = named
    if named:
        return named[:128]
    fresh: str = st.session_state.setdefault(FRESH, uuid4().hex)
    return fresh


def go_to(conversation_id: str | None) -> None:
    """Open another conversation; None: a new one."""
    st.session_state.pop(FRESH, None)
    st.session_state.pop(LEFT_OPEN, None)
    st.session_state[MOVED] = times_moved() + 1
    if conversation_id is None:
        st.query_params.pop(PARAMETER, None)
    else:
        st.query_params[PARAMETER] = conversation_id


def ask(question: Question) -> None:
    """Hand a question to the component; its conversation is now the open one."""
    st.session_state[QUESTION] = st.session_state[UNSENT] = question
    st.session_state.pop(FRESH, None)
    st.query_params[PARAMETER] = question.conversation_id


def turn_to(page: str) -> None:
    """Note which page the person is on; another one is a move as well."""
    if st.session_state.setdefault(PAGE, page) != page:
        st.session_state[PAGE] = page
        st.session_state[RETURNS] = True
        st.session_state[MOVED] = times_moved() + 1


def times_moved() -> int:
    """How often the person chose another conversation or page."""
    moved: int = st.session_state.get(MOVED, 0)
    return moved


def sent() -> None:
    """The component has the newest question."""
    st.session_state.pop(UNSENT, None)


def is_unsent() -> bool:
    """Whether there is a question that the component has not got."""
    return UNSENT in st.session_state


def take_unsent() -> str:
    """The words that were written and never reached the component; from now on there are none."""
    question: Question | None = st.session_state.pop(UNSENT, None)
    draft: str = st.session_state.pop(DRAFT, "")
    return draft if question is None else question.text


def asked() -> Question | None:
    """The newest question of this visit."""
    question: Question | None = st.session_state.get(QUESTION)
    return question


def is_asked_in(conversation_id: str) -> bool:
    """Whether the newest question of this visit belongs there."""
    question = asked()
    return question is not None and question.conversation_id == conversation_id


def saw(conversation_id: str) -> None:
    """The brain has told of this conversation."""
    st.session_state[SEEN] = conversation_id


def has_seen(conversation_id: str) -> bool:
    """Whether it was the conversation on the page before."""
    return st.session_state.get(SEEN) == conversation_id


def refuse(sentence: str) -> None:
    """Say beside the field why a question was not taken."""
    st.session_state[REFUSAL] = sentence


def take_refusal() -> str | None:
    """The sentence to say now, once."""
    sentence: str | None = st.session_state.pop(REFUSAL, None)
    return sentence


def keep_draft(text: str) -> None:
    """Remember what could not be asked, for the field."""
    st.session_state[DRAFT] = text


def restore_draft() -> None:
    """Put it back into the field; before the field is drawn."""
    draft = st.session_state.pop(DRAFT, None)
    if draft:
        st.session_state[WRITTEN] = draft


def ask_again(
    conversation_id: str,
    text: str,
    *,
    attachments: tuple[dict[str, Any], ...],
    model: str | None,
) -> None:
    """Ask the same once more, of `model` or as before."""
    options = {} if model is None else {"model": model}
    ask(Question(uuid4().hex, conversation_id, text, attachments, options))
