"""
Keeps the sign-in in a cookie of the page, so that it outlives a reload.

The cookie is written by the page itself, which holds the token anyway: the live component opens
the brain's socket with it. It goes to no other site (`SameSite=Strict`) and is in no address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

NAME = "trollama"
_SCRIPT = Path(__file__).with_name("cookie.js")


@dataclass(frozen=True, slots=True)
class Order:
    """Keep `token` for so long; an empty one: forget it. `number` rises with each order."""

    number: int
    token: str
    seconds: int


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("trollama_cookie", js=_SCRIPT.read_text())


def kept() -> str | None:
    """The token the browser came with."""
    return st.context.cookies.get(NAME) or None


def obey(order: Order) -> None:
    """Have the browser carry out `order`; once, however often this is called."""
    data = {
        "name": NAME,
        "number": order.number,
        "value": order.token,
        "seconds": order.seconds,
    }
    _component()(key="cookie", data=data, height=1)
