"""
The turn under way, drawn in the browser by a component of ours that speaks to the brain itself.

Streamlit draws what was said before; the turn being answered costs it nothing. The component opens
`/ws/chat` from the browser, asks, shows the answer as it comes, and lets the page run once more
when an ask has ended, so that the page can draw it as past.

The files under `web/` are served as they are, each a module of its own. Streamlit finds such
folders only in distributions that are called like their package (`trollama-ui` is not `ui`), so
ours is registered by hand.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

_DISTRIBUTION, _NAME = "trollama-ui", "live"
_renderers: WeakKeyDictionary[BidiComponentManager, ComponentRenderer] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Question:
    """
    What a person asks.

    `attachments` and `options` are those of the frame `ask`; the files are stored already
    (`{file_id, filename, content_type, size}`).
    """

    ask_id: str
    conversation_id: str
    text: str
    attachments: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Live:
    """What the component has to tell the page."""

    ended: str | None
    """The ask whose end (answer or failure) came last."""

    needs_token: bool = False
    """The brain refused the token, or it expires within a minute: please hand over a new one."""


def live(
    *,
    key: str,
    brain_ws: str,
    token: str,
    user: str,
    conversation_id: str,
    question: Question | None,
    wants_thinking: bool,
) -> Live:
    """
    Draw what is being answered in `conversation_id`, below what the page has drawn as past.

    `brain_ws` is the whole address of the brain's `/ws/chat` as the browser reaches it. `question`
    is the newest one of this browser session; it is asked once, however often it is handed over.
    Asks that ended before the page was run are taken to be drawn by it. One `live` a page.
    """
    told = st.session_state.get(key) or {}
    result = _renderer()(
        key=key,
        data={
            "address": brain_ws,
            "token": token,
            "user": user,
            "conversation": conversation_id,
            "question": None if question is None else asdict(question),
            "thinking": wants_thinking,
            "drawn": told.get("ended") or [],
        },
        on_ended_change=_nothing,
        on_needs_token_change=_nothing,
    )
    ended = result.get("ended") or []
    return Live(ended[-1] if ended else None, bool(result.get("needs_token")))


def _nothing() -> None:
    """Streamlit knows a value of a component by its callback."""


def _renderer() -> ComponentRenderer:
    manager = get_bidi_component_manager()
    found = _renderers.get(manager)
    if found is None:
        manager.register_from_manifest(
            ComponentManifest(_DISTRIBUTION, "1", [ComponentConfig(_NAME, "web")]),
            Path(__file__).parent,
        )
        found = _renderers[manager] = st.components.v2.component(
            f"{_DISTRIBUTION}.{_NAME}", js="live.js", css="live.css"
        )
    return found
