"""
The memory page, for admins: what is loaded, how memory went, who waits; load, unload, plan.

It looks again every few seconds by itself. Who is no admin is refused by the brain, not by us.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from shared.errors import BoundaryError, Forbidden
from shared.http import Params, Refused
from ui import session
from ui.memory import picture, words
from ui.memory.orders import Method, Order, Told, encoded, newest, order
from ui.parts import parts

LOOK_SECONDS = 2
TIMELINE_SECONDS = 10
MINUTES = {"15 minutes": 15, "1 hour": 60, "6 hours": 360}
NOT_ADMIN = "This page is for admins. Ask whoever runs this server to make you one."
AGAIN = "This page tries again by itself."
ORDERS = "memory_orders"


def page() -> None:
    """What is, what can be done, and how it was."""
    st.title("Memory")
    try:
        _get("/vram/admin/crashes")  # open to operators only, unlike the status
    except Refused as refusal:
        if refusal.code != Forbidden.code:
            raise
        st.error(NOT_ADMIN)
        return
    _now()
    st.subheader("Load and unload")
    _controls(words.known_models(_get("/vram/status")))
    st.subheader("Timeline")
    minutes = st.segmented_control("How far back", list(MINUTES), default="1 hour", required=True)
    _timeline(MINUTES[minutes])


@st.fragment(run_every=LOOK_SECONDS)
def _now() -> None:
    try:
        status = _get("/vram/status")
        health = _get("/vram/health")
    except BoundaryError as down:
        st.warning(f"{down} {AGAIN}")
        return
    for reason in health["reasons"]:
        st.warning(reason)
    st.markdown(words.room(status))
    _meter(status)
    st.caption(words.pressure(status))
    _orders()
    st.subheader("In memory")
    _models(status)
    st.subheader("Who waits")
    _lines(words.waiting_lines(status), nobody="Nobody waits for a model.")
    _held_back(status)
    with st.expander("Model servers and newest decisions"):
        _lines(words.server_lines(status), nobody="No model server is known.")
        _lines(words.decision_lines(status, _zone()), nobody="Nothing was decided yet.")


def _meter(status: Mapping[str, Any]) -> None:
    hard, taken = status["limits"]["hard_gb"], status["memory"]["model_usage_gb"]
    if hard and taken is not None:
        st.progress(min(1.0, taken / hard))


def _orders() -> None:
    for one in st.session_state.get(ORDERS, []):
        _order(one)


def _order(one: Order) -> None:
    if one.under_way:
        st.info(one.asked)
        return
    well, sentence = one.outcome()
    (st.success if well else st.error)(sentence)


def _models(status: Mapping[str, Any]) -> None:
    lines = words.model_lines(status)
    for line in words.loading_lines(status):
        with st.container(border=True):
            st.markdown(line)
    for place, one in zip(lines, status["loaded_models"], strict=True):
        with st.container(
            border=True,
            horizontal=True,
            horizontal_alignment="distribute",
            vertical_alignment="center",
            key=f"in_memory_{place}",
        ):
            st.markdown(lines[place])
            if st.button("Unload", key=f"unload_{place}"):
                _unload(one["name"])
                st.rerun(scope="fragment")
    if not lines and not status["loading"]:
        st.markdown("No model is in memory. The next question loads one.")


def _held_back(status: Mapping[str, Any]) -> None:
    told = words.held_back(status, _zone())
    if not told:
        return
    st.subheader("Crashes")
    for model, sentence in told.items():
        with st.container(horizontal=True, vertical_alignment="center", key=f"held_{model}"):
            st.markdown(f"**{model}**: {sentence}")
            if st.button("Allow again", key=f"allow_{model}"):
                _begin(
                    "DELETE",
                    f"/vram/admin/crashes/{encoded(model)}",
                    asked=f"Forgetting the crashes of {model} …",
                    told=words.cleared_line,
                )
                st.rerun(scope="fragment")


def _unload(model: str) -> None:
    _begin(
        "POST",
        f"/vram/unload/{encoded(model)}",
        asked=f"Unloading {model} …",
        told=words.unloaded_line,
    )


@st.fragment
def _controls(models: list[str]) -> None:
    model = st.selectbox("Model", models, placeholder="No model server answers.") or ""
    with st.container(horizontal=True):
        none = not model
        wants_plan = st.button("Plan", help="What a load would do now.", disabled=none)
        if st.button("Load", type="primary", disabled=none):
            _begin(
                "POST",
                f"/vram/load/{encoded(model)}",
                asked=f"Loading {model}. It waits for its turn and for memory …",
                told=words.loaded_line,
            )
        if st.button("Unload", key="unload_chosen", disabled=none):
            _unload(model)
        if st.button("Hold back", help="Nobody can load it any more.", disabled=none):
            _begin(
                "POST",
                f"/vram/admin/crashes/{encoded(model)}",
                asked=f"Holding {model} back …",
                told=words.held_line,
            )
    if wants_plan:
        _plan(model)
    with st.container(horizontal=True):
        if st.button("Free what is idle", type="tertiary"):
            _begin("POST", "/vram/optimize", asked="Looking …", told=words.optimized_line)
        if st.button("Compare with the servers", type="tertiary"):
            _begin("POST", "/vram/admin/reconcile", asked="Asking …", told=words.reconciled_line)


def _plan(model: str) -> None:
    try:
        plan = _get(f"/vram/plan/{encoded(model)}")
    except BoundaryError as refusal:
        st.error(str(refusal))
        return
    st.info("\n\n".join(words.plan_lines(plan)))


@st.fragment(run_every=TIMELINE_SECONDS)
def _timeline(minutes: int) -> None:
    try:
        timeline = _get("/vram/timeline", {"minutes": minutes})
    except BoundaryError as down:
        st.warning(str(down))
        return
    if not timeline["samples"]:
        st.caption("Nothing was measured yet; the first point comes within ten seconds.")
        return
    st.vega_lite_chart(picture.memory(timeline), width="stretch", key="memory_chart")
    st.caption("Colours: models in memory. Dashed: free memory. Upright lines: what happened.")
    st.vega_lite_chart(picture.pressure(timeline), width="stretch", key="pressure_chart")
    _lines(words.event_lines(timeline, _zone()), nobody="Nothing was loaded or unloaded.")


def _get(path: str, params: Params | None = None) -> Any:
    return parts().brain.get(path, token=session.signed_in().token, params=params)


def _begin(method: Method, path: str, *, asked: str, told: Told) -> None:
    """Ask for something that may take a while; what became of it is shown above the models."""
    one = order(
        parts().api.portal, parts().settings.brain_address, session.signed_in().token, method, path,
        asked=asked, told=told,
    )  # fmt: skip
    st.session_state[ORDERS] = newest(st.session_state.get(ORDERS, []), one)


def _lines(lines: list[str], *, nobody: str) -> None:
    st.markdown("\n".join(f"- {line}" for line in lines) if lines else nobody)


def _zone() -> tzinfo | None:
    """The time zone of the browser."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return None
