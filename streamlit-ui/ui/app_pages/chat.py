"""The chat: what was said, what is being answered, and the field for the next question."""

import streamlit as st

from ui import chat_menu, chat_state, past, session, sidebar, trouble
from ui.addresses import chat_socket
from ui.asking import question_of
from ui.brain import Brain
from ui.conversation import Conversation, Message
from ui.live import Question, live
from ui.parts import parts
from ui.sign_in import SignIn

FRESH_TOKEN_SECONDS = 20
"""The brain refuses a token this young: another one would fare no better."""


def page() -> None:
    """One conversation."""
    sign_in = session.signed_in()
    brain = Brain(parts().brain, token=sign_in.token, user_id=sign_in.user_id)
    conversation_id = chat_state.open_conversation()
    _take_question(brain, conversation_id)
    conversation = brain.conversation(conversation_id)
    line = sidebar.show(brain, open_id=conversation_id)
    if conversation is None:
        _welcome(sign_in)
    else:
        chat_menu.show(conversation, line, brain=brain)
        _past(conversation, brain)
    _live(sign_in, conversation_id, wants_thinking=True)


def _welcome(sign_in: SignIn) -> None:
    if chat_state.asked() is None:
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


def _live(sign_in: SignIn, conversation_id: str, *, wants_thinking: bool) -> None:
    told = live(
        key="live",
        brain_ws=chat_socket(
            st.context.url or "",
            public_url=parts().settings.public_url,
            brain_port=parts().settings.brain_port,
        ),
        token=sign_in.token,
        user=sign_in.name,
        conversation_id=conversation_id,
        question=chat_state.asked(),
        wants_thinking=wants_thinking,
    )
    old = sign_in.issued_at < parts().clock.now() - FRESH_TOKEN_SECONDS
    if told.needs_token and old:
        session.current(refused=sign_in.token)
        st.rerun()


def _take_question(brain: Brain, conversation_id: str) -> None:
    chat_state.restore_draft()
    settings = parts().settings
    written = st.chat_input(
        "Ask anything",
        key=chat_state.WRITTEN,
        accept_file="multiple",
        max_upload_size=settings.max_upload_mib,
    )
    if not written:
        return

    def take() -> None:
        try:
            question: Question = question_of(
                written.text,
                written.files,
                conversation_id=conversation_id,
                brain=brain,
                max_file_bytes=settings.max_file_bytes,
            )
        except BaseException:
            chat_state.keep_draft(written.text)
            raise
        chat_state.ask(question)

    if trouble.attempt(take):
        st.rerun()
