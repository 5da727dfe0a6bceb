"""What others do: plain LRU, Ollama's order, and keeping the last model only."""

from hashlib import sha256

from brain.vram.policies.ranked import first_in_order
from brain.vram.policies.view import Choice, View


def plain_lru(view: View) -> Choice | None:
    """Least recently used, nobody spared, no priorities."""
    return first_in_order(
        view, policy="LRU", rank=lambda one: one.used_order, trimmed=False, why="oldest"
    )


def lru_trimmed(view: View) -> Choice | None:
    """Least recently used without priorities, nobody needlessly."""
    return first_in_order(
        view, policy="LRU + trim", rank=lambda one: one.used_order, trimmed=True, why="oldest"
    )


def ollama_order(view: View) -> Choice | None:
    """
    Equal keep-alive, then the model's path (server/sched.go, `findRunnerToUnload`): the digest of
    its file, so an arbitrary but fixed order.
    """
    return first_in_order(
        view,
        policy="Ollama's order",
        rank=lambda one: sha256(one.place.model.encode()).hexdigest(),
        trimmed=False,
        why="first by digest",
    )
