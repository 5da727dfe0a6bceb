"""The chat: what was said, what is being answered, and the field for the next question."""

from contextlib import nullcontext
from uuid import uuid4

import streamlit as st

from shared.errors import AuthRequired, BoundaryError
from ui import chat_menu, chat_state, past, session, sidebar, trouble
from ui.addresses import chat_socket
from ui.asking import question_of
from ui.brain import Brain
from ui.conversation import Conversation, Message
from ui.live import live
from ui.parts import parts
from ui.sign_in import SignIn

LOOK_SECONDS = 10
SOON_SECONDS = 2
LOOKED = "looked"
ENDED = "Your sign-in has ended. Send what you are writing, and it is kept while you log in again."
FRESH_TOKEN_SECONDS = 20
"""The brain refuses a token this young: another one would fare no better."""


def page() -> None:
    """One conversation. The field and the answer under way stay while the rest cannot be read."""
    sign_in = session.signed_in()
    brain = Brain(parts().brain, token=sign_in.token, user_id=sign_in.user_id)
    conversation_id = chat_state.open_conversation()
    _take_question(brain, conversation_id)
    trouble.guarded(lambda: _read(brain, sign_in, conversation_id), ended=_ended)
    _live(sign_in, conversation_id)


def _read(brain: Brain, sign_in: SignIn, conversation_id: str) -> None:
    conversation = brain.conversation(conversation_id)
    line = sidebar.show(brain, open_id=conversation_id)
    if conversation is None:
        _welcome(sign_in, conversation_id)
    else:
        chat_state.saw(conversation_id)
        chat_menu.show(conversation, line, brain=brain)
        _past(conversation, brain)
        past.show_elsewhere(conversation.asked_elsewhere)
    drawn = None if conversation is None else conversation.state
    expects = conversation is not None and conversation.asked_elsewhere
    look = st.fragment(_look_again, run_every=SOON_SECONDS if expects else LOOK_SECONDS)
    look(brain, conversation_id, drawn=drawn, run=uuid4().hex)


def _look_again(
    brain: Brain, conversation_id: str, *, drawn: tuple[str, ...] | None, run: str
) -> None:
    """Draw anew what was said at another door, and keep the sign-in of a page that lies open."""
    if st.session_state.get(LOOKED) != run:  # the page itself was run just now
        st.session_state[LOOKED] = run
        return
    try:
        renewed = session.renewed()
        newest = None if renewed else brain.conversation(conversation_id, limit=1)
    except BoundaryError:
        return  # the page tells when it is used
    if renewed or (newest is not None and newest.state != drawn):
        st.rerun()


def _welcome(sign_in: SignIn, conversation_id: str) -> None:
    if chat_state.has_seen(conversation_id):
        st.info("This conversation was deleted. What you ask now begins a new one.")
    elif not chat_state.is_asked_in(conversation_id):
        st.title(f"Hello {sign_in.name}", anchor=False)
        st.write("Ask anything. You can drop files and pictures into the field below.")


def _past(conversation: Conversation, brain: Brain) -> None:
    messages = conversation.messages
    key = f"older-{conversation.conversation_id}"
    pages: int = st.session_state.get(key, 0)
    following = conversation.next
    for _ in range(pages):
        older = following and brain.conversation(conversation.conversation_id, after=following)
        if not older:
            break
        messages, following = older.messages + messages, older.next
    if following and st.button("Show older messages", icon=":material/history:", type="tertiary"):
        st.session_state[key] = pages + 1
        st.rerun()

    def again(question: Message, model: str | None) -> None:
        attachments = tuple(
            {
                "file_id": file.file_id,
                "filename": file.filename,
                "content_type": file.media_type or "application/octet-stream",
                "size": file.size or 0,
            }
            for file in question.files
            if file.file_id and file.url
        )
        chat_state.ask_again(
            conversation.conversation_id, question.text, attachments=attachments, model=model
        )
        st.rerun()

    past.show(
        messages,
        brain=brain,
        models=chat_menu.models(brain),
        again=again,
        several=len(conversation.participants) > 1,
    )


def _live(sign_in: SignIn, conversation_id: str) -> None:
    told = live(
        key="live",
        brain_ws=chat_socket(
            st.context.url or "",
            public_url=parts().settings.public_url,
            brain_port=parts().settings.brain_port,
        ),
        token=sign_in.token,
        user=sign_in.user_id,
        conversation_id=conversation_id,
        question=chat_state.asked(),
        wants_thinking=True,
    )
    chat_state.sent()
    old = sign_in.issued_at < parts().clock.now() - FRESH_TOKEN_SECONDS
    if told.needs_token and old:
        _renew(sign_in)


def _renew(sign_in: SignIn) -> None:
    try:
        if session.renewed(refused=sign_in.token):
            st.rerun()
    except AuthRequired:
        _ended()


def _ended() -> None:
    """The page stays until the person does something: they may be writing."""
    if chat_state.is_unsent():
        trouble.leave()
    st.warning(ENDED)
    if st.button("Log in again", key="log_in_again"):
        trouble.leave()
    st.stop()


def _take_question(brain: Brain, conversation_id: str) -> None:
    chat_state.restore_draft()
    place = st.bottom.container()  # above the field, where the person looks
    if refusal := chat_state.take_refusal():
        place.error(refusal)
    settings = parts().settings
    # Inside `st.bottom`, or Streamlit pulls whoever scrolled up back to the end while it grows.
    written = st.bottom.chat_input(
        "Ask anything",
        key=chat_state.WRITTEN,
        accept_file="multiple",
        max_upload_size=settings.max_upload_mb,
    )
    if not written:
        return
    try:
        with place, st.spinner("Sending your files …") if written.files else nullcontext():
            question = question_of(
                written.text,
                written.files,
                conversation_id=conversation_id,
                brain=brain,
                max_file_bytes=settings.max_file_bytes,
            )
    except BoundaryError as failed:
        chat_state.keep_draft(written.text)
        if trouble.ends_the_sign_in(failed):
            trouble.leave()
        chat_state.refuse(failed.message)
    else:
        chat_state.ask(question)
    st.rerun()
