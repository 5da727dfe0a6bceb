"""The conversations beside the page, the budget, and the way to the other pages."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from ui import chat_state, session
from ui.addresses import browser_base
from ui.brain import Brain
from ui.conversation import Listed, Week
from ui.markdown import plain
from ui.parts import parts
from ui.sign_in import SignIn
from ui.words import by_day, meter, title_of, zone

SEARCH = "search"
WAYS = (
    ("chat", "Chat", ":material/chat:"),
    ("settings", "Settings", ":material/tune:"),
    ("account", "Account", ":material/person:"),
    ("memory", "Memory", ":material/memory:"),
)


def show(brain: Brain, *, open_id: str) -> Listed | None:
    """Draw it; the line of the open conversation, where the list has one."""
    with st.sidebar:
        st.button(
            "New conversation",
            icon=":material/edit_square:",
            width="stretch",
            on_click=chat_state.go_to,
            args=(None,),
        )
        search = st.text_input(
            "Search",
            key=SEARCH,
            placeholder="Search conversations",
            label_visibility="collapsed",
            icon=":material/search:",
        )
        listed = brain.conversations(search.strip()).conversations
        with st.container(key="conversations", gap="xsmall"):
            _list(listed, open_id=open_id, searched=bool(search.strip()))
        st.divider()
        show_budget(brain.week())
    return next((one for one in listed if one.conversation_id == open_id), None)


def show_budget(week: Week) -> None:
    """How much of the week is used, and when it begins anew."""
    told = meter(week, now=now(), tz=tz())
    if told.resets:
        st.progress(told.share, text=told.used)
        st.caption(told.resets)
    else:
        st.caption(told.used)


def show_ways(pages: dict[str, st.Page], sign_in: SignIn) -> None:
    """Links to the other pages, and out."""
    for name, label, icon in WAYS:
        if name in pages:
            st.page_link(pages[name], label=label, icon=icon, width="stretch")
    st.button(
        f"Log out {plain(sign_in.name)}",
        icon=":material/logout:",
        type="tertiary",
        on_click=session.log_out,
    )


def tz() -> ZoneInfo:
    """The time zone of the person's browser."""
    return zone(st.context.timezone)


def brain_url() -> str:
    """Where the person's own programs reach the brain."""
    settings = parts().settings
    return browser_base(
        st.context.url or "", public_url=settings.public_url, port=settings.brain_port
    )


def now() -> datetime:
    """This moment."""
    return datetime.fromtimestamp(parts().clock.now(), UTC)


def _list(listed: tuple[Listed, ...], *, open_id: str, searched: bool) -> None:
    if not listed:
        st.caption("Nothing found." if searched else "Your conversations will be listed here.")
    for day, ones in by_day(listed, now=now(), tz=tz()):
        st.caption(day)
        for one in ones:
            st.button(
                plain(title_of(one.title, chars=80)),
                key=f"open-{one.conversation_id}",
                icon=":material/forum:" if one.in_discord else ":material/chat_bubble:",
                help="Also in Discord; you can go on with it here." if one.in_discord else None,
                type="secondary" if one.conversation_id == open_id else "tertiary",
                width="stretch",
                wrap=False,
                on_click=chat_state.go_to,
                args=(one.conversation_id,),
            )
