"""What was said before, drawn by Streamlit."""

from collections.abc import Callable

import streamlit as st

from shared.errors import BoundaryError
from ui import trouble
from ui.brain import Brain
from ui.conversation import MadeFile, Message, Running, SentFile
from ui.markdown import for_streamlit, plain
from ui.words import size, under_an_answer

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
AS_BEFORE = "Same model"
DOORS = {"discord": "in Discord", "api": "by a program"}
Again = Callable[[Message, str | None], None]
"""Asks a question once more, of the model named or as before."""


def show(
    messages: tuple[Message, ...],
    *,
    brain: Brain,
    models: list[str],
    again: Again,
    several: bool,
) -> None:
    """Questions and answers, oldest first; `several`: more than one person asks here."""
    question: Message | None = None
    for number, message in enumerate(messages):
        key = message.request_id or f"{message.at}-{number}"
        if message.role == "user":
            question = message
            _question(message, brain=brain, named=several)
        elif message.role == "summary":
            _summary(message)
        else:
            _answer(message, question, brain=brain, models=models, again=again, key=key)


def _summary(message: Message) -> None:
    with st.expander("From here on the model reads this in place of what is above"):
        st.markdown(for_streamlit(message.text))


def show_elsewhere(running: tuple[Running, ...]) -> None:
    """Questions that were asked at another door and are being answered there."""
    for one in running:
        door = DOORS.get(one.surface or "", "elsewhere")
        with st.chat_message("user"):
            st.text(one.text)
            st.caption(
                f"Asked {door}. The answer goes there, and stands here as soon as it has ended."
            )


def _question(message: Message, *, brain: Brain, named: bool) -> None:
    with st.chat_message("user"):
        if named and message.name:
            st.caption(plain(message.name))
        if message.text:
            st.text(message.text)
        for file in message.files:
            _sent_file(file, brain=brain)


def _answer(
    message: Message,
    question: Message | None,
    *,
    brain: Brain,
    models: list[str],
    again: Again,
    key: str,
) -> None:
    with st.chat_message("assistant"):
        st.markdown(for_streamlit(message.text))
        for made in message.artifacts:
            _made_file(made, brain=brain, key=f"{key}-{made.artifact_id}")
        if message.sources:
            links = [
                f"[{plain(one.title or one.url)}]({_link(one.url)})" for one in message.sources
            ]
            st.caption("Sources: " + " · ".join(links))
        if said := under_an_answer(message):
            st.caption(plain(said))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _vote(message, brain=brain, key=key)
            if question is not None:
                _once_more(question, models=models, again=again, key=key)


def _vote(message: Message, *, brain: Brain, key: str) -> None:
    if message.request_id is None:
        return
    request_id, field = message.request_id, f"vote-{key}"

    def vote() -> None:
        chosen = st.session_state.get(field)
        if chosen is not None and trouble.attempt(lambda: brain.vote(request_id, good=chosen == 1)):
            st.toast("Thank you. Your vote is kept.")

    st.feedback("thumbs", key=field, on_change=vote)


def _once_more(question: Message, *, models: list[str], again: Again, key: str) -> None:
    chosen = st.menu_button(
        "Ask again",
        [AS_BEFORE, *models],
        key=f"again-{key}",
        icon=":material/refresh:",
        type="tertiary",
        help="Asks the same question once more, as before or of another model.",
    )
    if chosen is not None:
        again(question, None if chosen == AS_BEFORE else chosen)


def _made_file(made: MadeFile, *, brain: Brain, key: str) -> None:
    label = plain(made.filename) + (f" ({size(made.size)})" if made.size else "")
    if made.url is None:
        st.caption(f":material/draft: {label} is no longer kept. Ask again for a fresh one.")
        return
    st.download_button(
        label,
        data=lambda: brain.file(made.artifact_id).data,
        file_name=made.filename,
        mime=made.media_type or "application/octet-stream",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def _sent_file(file: SentFile, *, brain: Brain) -> None:
    if file.file_id and file.url and file.media_type in PICTURES:
        try:
            st.image(_bytes(brain, file.file_id), caption=plain(file.filename), width=320)
        except BoundaryError:
            st.caption(f":material/image: {plain(file.filename)}")
        return
    st.caption(f":material/attach_file: {plain(file.filename)}")


def _bytes(brain: Brain, file_id: str) -> bytes:
    seen: dict[str, bytes] = st.session_state.setdefault("pictures", {})
    if file_id not in seen:
        if len(seen) >= 20:
            seen.pop(next(iter(seen)))
        seen[file_id] = brain.file(file_id).data
    return seen[file_id]


def _link(url: str) -> str:
    """A page's address inside `[…](…)`; nothing but the web."""
    if not url.startswith(("https://", "http://")):
        return "about:blank"
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")
