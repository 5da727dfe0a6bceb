"""The least load seconds any order of evictions could reach, knowing all uses in advance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brain.vram.policies.sets import Sets, sets_of
from brain.vram.policies.view import Known


def optimum(zoo: Sequence[Known], capacity_gb: float, models: Sequence[str]) -> float:
    """
    Exact, by dynamic programming over sets: after each use, the least seconds with which each set
    can be in memory. Only maximal sets are moved to, as keeping more never costs more.
    """
    sets = sets_of(tuple(one.gb for one in zoo), capacity_gb)
    if sets is None:
        raise ValueError("too many sets for an exact optimum")
    number = {one.place.model: i for i, one in enumerate(zoo)}
    moves = [_Moves(sets, i, one.reload_seconds) for i, one in enumerate(zoo)]
    least = np.full(len(sets.bits), np.inf)
    least[0] = 0.0
    for before, model in zip(["", *models], models, strict=False):
        if model != before:
            least = moves[number[model]].after(least)
    return float(least.min())


class _Moves:
    """All loads of one model, ordered by the set they end in."""

    def __init__(self, sets: Sets, model: int, seconds: float) -> None:
        many = np.diff(np.append(sets.first, len(sets.target)))
        own = np.repeat(sets.model, many) == model
        source, target = np.repeat(sets.source, many)[own], sets.target[own]
        order = np.argsort(target, kind="stable")
        self._source, target = source[order], target[order]
        self._first = np.flatnonzero(np.diff(target, prepend=-1))
        self._target = target[self._first]
        self._inside = sets.inside[:, model] > 0
        self._seconds = seconds

    def after(self, least: NDArray[np.float64]) -> NDArray[np.float64]:
        then = np.where(self._inside, least, np.inf)
        loaded = np.minimum.reduceat(least[self._source], self._first) + self._seconds
        then[self._target] = np.minimum(then[self._target], loaded)
        return then
