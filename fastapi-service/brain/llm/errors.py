"""
What a model server says when it fails, in our words.

InvalidRequest
├─ ContextExceeded   chat.too_long
└─ CannotSee         file.unsupported
"""

import re

from brain.vram.errors import BackendFailed, LoadFailed, ModelUnavailable, one_line
from shared.errors import BoundaryError, InvalidRequest

OUT_OF_MEMORY = re.compile(
    r"requires more system memory|out of memory|cudaMalloc failed|failed to allocate"
    r"|not enough memory|insufficient memory|unable to load full model",
    re.IGNORECASE,
)
"""Ollama's own list (IsOutOfMemory in its repository) and what older versions say."""

CONTEXT_OVERFLOW = re.compile(
    r"exceeds? the (available )?context|context[ _](length|size|window)|maximum context"
    r"|too many tokens",
    re.IGNORECASE,
)
"""Ollama, llama.cpp, vLLM and SGLang each word it differently."""


class ContextExceeded(InvalidRequest):
    """Question, history and instructions together are longer than the model can see."""

    code = "chat.too_long"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"This conversation is too long for {model}. "
            "Please shorten the message, or reset or summarize the conversation."
        )


class CannotSee(InvalidRequest):
    """A picture was to be shown to a model that has no eyes."""

    code = "file.unsupported"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} cannot see pictures. Please choose a model that can, or send text."
        )


def refusal(model: str, *, status: int, text: str) -> BoundaryError:
    """The error for an answer with `status`, or for an error line in a stream (status 200)."""
    reason = one_line(text)
    if status == 404:
        return ModelUnavailable(model)
    if status in (200, 400, 413, 422) and CONTEXT_OVERFLOW.search(text):
        return ContextExceeded(model)
    if OUT_OF_MEMORY.search(text):
        return LoadFailed(model, f"there is not enough memory ({reason})")
    if status == 200:
        return BackendFailed(model, f"the server broke off ({reason})")
    return BackendFailed(model, f"the server answered with status {status} ({reason})")
