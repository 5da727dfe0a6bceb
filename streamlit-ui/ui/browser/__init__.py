"""
What only the page in the browser can do: keep the sign-in over a reload, fold the sidebar away.

The cookie is written by the page itself, which holds the token anyway: the live component opens
the brain's socket with it. It goes to no other site (`SameSite=Strict`) and is in no address.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

COOKIE = "trollama"
_SCRIPT = Path(__file__).with_name("browser.js")


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep `token` for so long; an empty one: forget it. `number` rises with each order."""

    number: int
    token: str
    seconds: int
    cookie: str = COOKIE


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component("trollama_browser", js=_SCRIPT.read_text())


def kept() -> str | None:
    """The token the browser came with."""
    return st.context.cookies.get(COOKIE) or None


def obey(keeps: Sequence[Keep], *, folds: int) -> None:
    """
    Have the browser carry out the newest orders; each once, however often this is called.

    `folds` rises whenever a narrow page is to show what was chosen in its sidebar.
    """
    data = {"keeps": [asdict(one) for one in keeps], "folds": folds}
    _component()(key="browser", data=data, height=1)
