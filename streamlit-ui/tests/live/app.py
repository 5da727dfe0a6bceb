"""The smallest page that uses the live component; the brain of `conftest.py` answers it."""

from urllib.parse import quote
from urllib.request import urlopen
from uuid import uuid4

import orjson
import streamlit as st

from ui.live import Question, live

st.session_state.runs = st.session_state.get("runs", 0) + 1
port = st.query_params["brain"]
conversation = st.sidebar.radio("Conversation", ["one", "two"])
if st.sidebar.toggle("Elsewhere"):
    st.write("Another page.")
    st.stop()
with urlopen(f"http://127.0.0.1:{port}/past?conversation={quote(conversation)}") as answer:
    for turn in orjson.loads(answer.read()):
        st.chat_message("user").markdown(turn["question"])
        st.chat_message("assistant").markdown(turn["answer"])
here = st.container()
if text := st.bottom.chat_input("Ask"):
    st.session_state.question = Question(
        ask_id=uuid4().hex,
        conversation_id=conversation,
        text=text,
        attachments=({"file_id": "f1", "filename": "a.pdf", "content_type": "x/y", "size": 1200},)
        if text.startswith("file")
        else (),
        options={"think": True},
    )
with here:
    told = live(
        key="live",
        brain_ws=f"ws://127.0.0.1:{port}/ws/chat",
        token=st.session_state.get("token", st.query_params.get("token", "first")),
        user="u1",
        conversation_id=conversation,
        question=st.session_state.get("question"),
        wants_thinking=st.sidebar.toggle("Thinking", value=True),
    )
if told.needs_token and "token" not in st.session_state:
    st.session_state.token = "second"
    st.rerun()
st.sidebar.write(f"Run {st.session_state.runs}, ended {told.ended}")
