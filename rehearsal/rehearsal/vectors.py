"""Vectors for texts: deterministic, of length 1, and alike for texts that share words."""

import hashlib
import math
import re


def embed(text: str, dimensions: int) -> list[float]:
    """
    A unit vector for `text`: every word adds ±1 at a place its hash picks (feature hashing).

    The same text always has the same vector; a text without words is the first axis.
    """
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        hashed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
        vector[(hashed >> 1) % dimensions] += 1.0 if hashed & 1 else -1.0
    length = math.hypot(*vector)
    if length == 0.0:
        return [1.0, *vector[1:]]
    return [place / length for place in vector]
