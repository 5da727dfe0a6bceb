"""The send time inside each token, so that whoever reads it knows how long it was on its way."""

import re
from time import monotonic_ns

STAMP = re.compile(rb"~(\d{20})~")
"""Nanoseconds of the machine's monotonic clock, the same in every process of one machine."""

STAMP_BYTES = 23
MODEL = re.compile(r"bench:(\d+)x(\d+)")


def stamp() -> bytes:
    """One token's text: now. Always of the same length, so that framing it costs nothing."""
    return b"~%020d~ " % monotonic_ns()


def model_name(tokens: int, per_second: int) -> str:
    """A model whose answers have `tokens` tokens at `per_second`, in Ollama's form of names."""
    return f"bench:{tokens}x{per_second}"


def pace_of(model: str) -> tuple[int, int]:
    """Tokens and tokens per second of the model called so. Raises `ValueError`."""
    found = MODEL.search(model)
    if found is None:
        raise ValueError(f"no model of this server: {model!r}")
    return int(found[1]), int(found[2])
