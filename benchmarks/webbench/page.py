"""
The same small chat page twice: answered by our component, or by `st.write_stream`.

    streamlit run page.py -- SETTINGS.json

Both speak to the same brain by the same protocol. `st.write_stream` is given the leanest client
there is, a socket in its own thread, and not asked to draw the past again at the end.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import streamlit as st
from websockets.sync.client import connect

from ui.live import Question, live

PAST = 3
EARLIER = "An earlier answer with **two** words and `code`.\n\n- one\n- two\n"
MAX_FRAME_BYTES = 2**24


def streamed(settings: dict[str, Any], token: str, ask: dict[str, Any]) -> Iterator[str]:
    """The pieces of an answer, as they come."""
    with connect(
        settings["brain_ws"],
        additional_headers={"Authorization": f"Bearer {token}"},
        max_size=MAX_FRAME_BYTES,
        compression=None,
    ) as socket:
        hello = {"type": "hello", "client_id": ask["ask_id"], "protocol": 1}
        socket.send(orjson.dumps(hello).decode())
        socket.send(orjson.dumps(ask).decode())
        for text in socket:
            frame = orjson.loads(text)
            if frame["type"] == "delta":
                yield frame["text"]
            elif frame["type"] == "done":
                socket.send(orjson.dumps({"type": "ack", "seq": frame["seq"]}).decode())
                return
            elif frame["type"] == "failed":
                raise RuntimeError(frame["message"])


def ask_of(conversation: str, model: str) -> dict[str, Any]:
    """The frame of a question."""
    return {
        "type": "ask", "ask_id": uuid4().hex, "conversation_id": conversation,
        "text": "Why is the sky blue?", "options": {"model": model},
    }  # fmt: skip


def page() -> None:
    """One question for each click."""
    settings = orjson.loads(Path(sys.argv[1]).read_bytes())
    token = settings["tokens"][int(st.query_params["person"])]
    conversation = f"{st.query_params['way']}-{st.query_params['person']}"
    for number in range(PAST):
        st.chat_message("user").markdown(f"Question {number}")
        st.chat_message("assistant").markdown(EARLIER)
    for answer in st.session_state.get("answers", []):
        st.chat_message("assistant").markdown(answer)
    asked = st.button("Go")
    if st.query_params["way"] == "write_stream":
        if asked:
            frame = ask_of(conversation, settings["model"])
            with st.chat_message("assistant"):
                st.write_stream(streamed(settings, token, frame))
            st.markdown("Finished.")
    else:
        by_component(settings, token, conversation, asked=asked)


def by_component(settings: dict[str, Any], token: str, conversation: str, *, asked: bool) -> None:
    """Our way; what has ended is drawn by Streamlit, as the real page does."""
    if asked:
        frame = ask_of(conversation, settings["model"])
        st.session_state.question = Question(
            frame["ask_id"], conversation, frame["text"], options=frame["options"]
        )
    told = live(
        key="live",
        brain_ws=settings["brain_ws"],
        token=token,
        user=st.query_params["person"],
        conversation_id=conversation,
        question=st.session_state.get("question"),
        wants_thinking=False,
    )
    if told.ended is not None:
        st.chat_message("assistant").markdown(settings["answer"])
        st.markdown("Finished.")


page()
