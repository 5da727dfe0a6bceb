"""
The sets of models that fit into a memory together, and where a load can lead from each.

A set is an integer: bit i stands for model i. Everything is one row of an array, so that a zoo of
sixteen models takes milliseconds.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brain.vram.policies.view import ROUNDING_GB

MAX_SETS = 20_000

Bits = NDArray[np.int64]
Rows = NDArray[np.intp]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Sets:
    """
    All sets that fit, in rising order, and the moves a load offers.

    Move i starts in row `source[i]` and loads model `model[i]`, which is not in it; it can end in
    the rows `target[first[i]:first[i + 1]]`: of what fits beside the model, the sets that cannot
    keep one more (keeping more never costs more).
    """

    bits: Bits
    inside: Numbers
    """Sets × models: 1 where the model is in the set."""

    source: Rows
    model: Rows
    first: Rows
    target: Rows


@lru_cache(maxsize=8)
def sets_of(gb: tuple[float, ...], capacity_gb: float) -> Sets | None:
    """
    The sets of models of these sizes, none larger than the memory; None when there are more than
    `MAX_SETS`.
    """
    fitting = _fitting(gb, capacity_gb)
    if fitting is None:
        return None
    bits, size = fitting
    parts = [_moves(bits, size, gb, capacity_gb, model) for model in range(len(gb))]
    source, model, target = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((target, source, model))
    source, model, target = source[order], model[order], target[order]
    new = np.flatnonzero(np.diff(source, prepend=-1) | np.diff(model, prepend=-1))
    inside = (bits[:, None] >> np.arange(len(gb)) & 1).astype(np.float64)
    return Sets(bits, inside, source[new], model[new], new, target)


def _fitting(gb: tuple[float, ...], capacity_gb: float) -> tuple[Bits, Numbers] | None:
    bits, size = np.zeros(1, np.int64), np.zeros(1)
    for number, one in enumerate(gb):
        room = size + one <= capacity_gb + ROUNDING_GB
        bits = np.concatenate((bits, bits[room] | 1 << number))
        size = np.concatenate((size, size[room] + one))
        if len(bits) > MAX_SETS:
            return None
    return bits, size


def _moves(
    bits: Bits, size: Numbers, gb: tuple[float, ...], capacity_gb: float, model: int
) -> tuple[Rows, Rows, Rows]:
    """
    Every load of `model` as rows (source, model, target).

    From a set in which it does not fit, models are taken out one by one, always of a lower number
    than the one before, so that each smaller set is met once; it is kept when it fits and none of
    those taken out could have stayed.
    """
    room = capacity_gb - gb[model] + ROUNDING_GB
    row = np.flatnonzero((bits >> model & 1) == 0)
    front = _Front(row, bits[row], size[row], np.full(len(row), len(gb)), np.full(len(row), np.inf))
    sources, targets = [], []
    while len(front.row):
        whole = (front.left <= room) & (front.left + front.least > room)
        sources.append(front.row[whole])
        targets.append(np.searchsorted(bits, front.kept[whole] | 1 << model))
        front = front.without_one_more(front.left > room, gb)
    source, target = np.concatenate(sources), np.concatenate(targets)
    return source, np.full(len(source), model), target


class _Front(NamedTuple):
    """Smaller sets on the way to one that fits, one a row."""

    row: Rows
    kept: Bits
    left: Numbers
    """GB of what is kept."""

    last: Rows
    """The number of the model that was taken out last."""

    least: Numbers
    """GB of the smallest that was taken out."""

    def without_one_more(self, which: NDArray[np.bool_], gb: tuple[float, ...]) -> "_Front":
        parts = [self._without(which, number, one) for number, one in enumerate(gb)]
        return _Front(
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.kept for part in parts]),
            np.concatenate([part.left for part in parts]),
            np.concatenate([part.last for part in parts]),
            np.concatenate([part.least for part in parts]),
        )

    def _without(self, which: NDArray[np.bool_], number: int, gb: float) -> "_Front":
        out = np.flatnonzero(which & (self.kept >> number & 1 == 1) & (number < self.last))
        return _Front(
            self.row[out],
            self.kept[out] ^ 1 << number,
            self.left[out] - gb,
            np.full(len(out), number),
            np.minimum(self.least[out], gb),
        )
