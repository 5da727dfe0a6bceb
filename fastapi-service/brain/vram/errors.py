"""
Why a model cannot be used.

NotFound
└─ ModelUnavailable      model.unavailable    no server has it
Conflict
└─ ModelNeverFits        vram.never_fits      larger than the memory for models
Busy
├─ BreakerOpen           vram.breaker_open    it crashed repeatedly and rests
└─ Ended                 busy                 the brain is shutting down
Upstream
├─ LoadFailed            vram.load_failed     the server tried and could not
├─ BackendUnreachable    backend.unreachable  nobody listens there
└─ BackendFailed         backend.failed       it answered, and then did not do its part
   └─ ModelLost          backend.failed       its model left memory while it answered
"""

import re
from typing import Literal

from shared.addresses import place_of
from shared.errors import Busy, Conflict, NotFound, Upstream

ServerKind = Literal["ollama", "openai"]
_TITLES: dict[ServerKind, str] = {"ollama": "Ollama", "openai": "the model server"}

_NAME = re.compile(r"\w[\w.-]*([/:]\w[\w.-]*)*")
"""What Ollama may know a model by."""


class ModelUnavailable(NotFound):
    """No model server has this model."""

    code = "model.unavailable"

    def __init__(self, model: str) -> None:
        self.model = model
        sentence = f"Model not available: {model} is on none of the model servers."
        if _NAME.fullmatch(model):
            sentence += f" To install it run `ollama pull {model}`."
        super().__init__(sentence)


class ModelNeverFits(Conflict):
    """The model needs more memory than models may ever take here (both GB of 10^9 bytes)."""

    code = "vram.never_fits"

    def __init__(self, model: str, *, need_gb: float, ceiling_gb: float) -> None:
        self.model = model
        self.need_gb = need_gb
        self.ceiling_gb = ceiling_gb
        super().__init__(
            f"{model} needs {need_gb:.1f} GB of memory, and at most {ceiling_gb:.1f} GB can ever "
            "be free for it here. Choose a smaller model, or raise VRAM_HARD_LIMIT_GB."
        )


class BreakerOpen(Busy):
    """The model crashed repeatedly and is left alone for a while (`retry_seconds`, if known)."""

    code = "vram.breaker_open"

    def __init__(self, model: str, *, retry_seconds: float | None) -> None:
        self.model = model
        self.retry_seconds = retry_seconds
        when = (
            "an operator has to clear it"
            if retry_seconds is None
            else f"it is tried again in {max(1, round(retry_seconds))} s"
        )
        super().__init__(f"{model} crashed repeatedly and rests; {when}. Choose another model.")


class Ended(Busy):
    """Nothing decides about models any more: the brain is shutting down."""

    def __init__(self) -> None:
        super().__init__("Trollama is shutting down. Please try again in a moment.")


class LoadFailed(Upstream):
    """A model could not be brought into memory; another attempt may succeed."""

    code = "vram.load_failed"

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(f"{model} could not be loaded: {reason}.")


class BackendUnreachable(Upstream):
    """No connection to a model server."""

    code = "backend.unreachable"

    def __init__(self, url: str, reason: str, *, kind: ServerKind = "ollama") -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"Failed to connect to {_TITLES[kind]} at {place_of(url)}: {reason}.")


class BackendFailed(Upstream):
    """A model server broke off, answered with an error, or stayed silent for too long."""

    code = "backend.failed"

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(f"{model} could not answer: {reason}.")


class ModelLost(BackendFailed):
    """The model left memory while it was in use: killed, crashed, or its server was taken away."""


def one_line(text: str) -> str:
    """The first line of a server's error, without a full stop, fit for inside a sentence."""
    return (text.strip().splitlines() or ["no reason given"])[0].rstrip(". ")[:300]
