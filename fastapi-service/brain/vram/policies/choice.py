"""Policies by their name in VRAM_POLICY."""

from typing import Literal

from brain.vram.policies.gdsf import Gdsf
from brain.vram.policies.lru import Lru
from brain.vram.policies.planner import SetPlanner
from brain.vram.policies.view import Policy

PolicyName = Literal["planner", "gdsf", "lru", "documents"]


def policy_named(name: PolicyName) -> Policy:
    """The policy called that; `documents` is LRU as the documents describe it, without a trim."""
    match name:
        case "planner":
            return SetPlanner()
        case "gdsf":
            return Gdsf()
        case "lru":
            return Lru()
        case "documents":
            return Lru(name="documents", trimmed=False)
