"""Which model takes a route whose own one is missing or would have to be loaded first. Pure."""

from collections.abc import Collection, Iterable

from brain.catalogue.models import ModelSpec

RESIDENT_BONUS = 0.5
"""
A model in memory counts as this much larger than it is, where models stand in for each other.

It spares a load between models of a kind, and is bounded: one of less than two thirds of the size
of another never takes its place. It is asked only where nothing better is known (the route's own
model is missing, or nobody could tell the route); it never changes a route.
"""


def best_stand_in(
    candidates: Iterable[ModelSpec],
    *,
    resident: Collection[str],
    tools: bool = False,
    vision: bool = False,
) -> ModelSpec | None:
    """
    The largest of `candidates` that can chat, with the bonus for those in memory; None if none can.

    One that has the tools the route wants goes before any that has not; without `vision` nothing is
    chosen for an image.
    """
    able = [one for one in candidates if one.kind != "embedding" and (one.vision or not vision)]
    return max(
        able,
        key=lambda one: (one.tools or not tools, _worth(one, resident), one.name),
        default=None,
    )


def _worth(spec: ModelSpec, resident: Collection[str]) -> float:
    return spec.size_gb * (1.0 + RESIDENT_BONUS if spec.name in resident else 1.0)
