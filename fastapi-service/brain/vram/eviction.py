"""Who must leave so that a model fits: facts in, answer out."""

from collections.abc import Iterable
from dataclasses import dataclass

from brain.catalogue.models import Priority
from brain.vram.residents import Place

ROUNDING_GB = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could leave. `leased` ones are chosen last: they have to be waited for."""

    place: Place
    charged_gb: float
    priority: Priority
    used_order: int
    leased: bool


def choose_victims(candidates: Iterable[Candidate], *, need_gb: float) -> tuple[Place, ...] | None:
    """
    A set of models that frees at least `need_gb`, none of it needless; None when there is none.

    Models nobody uses go first, then low priority before high, then the least recently used.
    CRITICAL never goes. A victim that a later, larger one made needless is spared again, so that
    every one left is needed for the fit.
    """
    if need_gb <= ROUNDING_GB:
        return ()
    chosen: list[Candidate] = []
    freed = 0.0
    evictable = (one for one in candidates if one.priority < Priority.CRITICAL)
    for one in sorted(evictable, key=_order):
        chosen.append(one)
        freed += one.charged_gb
        if freed >= need_gb - ROUNDING_GB:
            break
    else:
        return None
    for one in sorted(chosen, key=_order, reverse=True):
        if freed - one.charged_gb >= need_gb - ROUNDING_GB:
            chosen.remove(one)
            freed -= one.charged_gb
    return tuple(one.place for one in chosen)


def _order(one: Candidate) -> tuple[bool, int, int, Place]:
    return (one.leased, one.priority, one.used_order, one.place)
