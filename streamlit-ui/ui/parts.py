"""What every page works with, made once for the process and found again by each script run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from shared.clock import Clock, SystemClock
from ui.api_client import Api, Door
from ui.config import Settings
from ui.sign_in import Renewals


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the web chat."""

    settings: Settings
    api: Api
    renewals: Renewals
    clock: Clock

    @property
    def brain(self) -> Door:
        """The brain, for this thread."""
        return self.api.brain

    @property
    def auth(self) -> Door:
        """Auth-service, for this thread."""
        return self.api.auth


def whose(service_token: str) -> dict[str, str]:
    """
    Where the browser of this script run is, as auth-service believes it (its `address_of`).

    Streamlit names no address for a browser on this machine, and there is none outside of a run.
    """
    address = st.context.ip_address if get_script_run_ctx(suppress_warning=True) else None
    if address is None:
        return {}
    return {"X-Client-Address": address, "X-Service-Token": service_token}


_open: list[Parts] = []


@contextmanager
def opened(settings: Settings, *, clock: Clock | None = None) -> Iterator[Parts]:
    """The parts, there for `parts` until the block ends."""
    api = Api(
        brain_url=settings.brain_address,
        auth_url=settings.auth_address,
        person=lambda: whose(settings.service_token.get_secret_value()),
    )
    with api:
        clock = clock or SystemClock()
        made = Parts(settings, api, Renewals(api.auth, clock=clock), clock)
        _open.append(made)
        try:
            yield made
        finally:
            _open.remove(made)


def parts() -> Parts:
    """Those opened last. Streamlit runs a page's script anew each time and hands it nothing."""
    assert _open, "python -m ui opens the parts before it serves a page"
    return _open[-1]
