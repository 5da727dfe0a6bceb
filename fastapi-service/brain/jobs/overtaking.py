"""
Who of those who may start goes first: one whose model is in memory may pass some whose is not.

A swap of models costs seconds to minutes; a few questions for what is there fit in before it.
Nobody is passed more often than they have patience for, nobody passes more than a position may
later rise again, and one whose model is there, or is not known, is not passed at all. Pure.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from brain.jobs.order import MAX_OVERTAKEN, Line, Place


class Start(NamedTuple):
    """Somebody's turn, and those in front of them who let them pass."""

    place: Place
    passed: Sequence[Place] = ()


def starts(ready: Sequence[Place], is_there: Callable[[Place], bool]) -> Iterator[Start]:
    """
    All of `ready` in the order in which they would start; changes nothing.

    `is_there` says whether what a place needs is in memory.
    """
    if len(ready) < 2:
        yield from map(Start, ready)  # so that nobody asks where there is no choice
        return
    numbered = list(enumerate(ready))
    present = deque(one for one in numbered if is_there(one[1]))
    there = {index for index, _ in present}
    absent = deque(one for one in numbered if one[0] not in there)
    patience = [place.patience for place in ready]
    while present and absent:
        index, place = present[0]
        ahead = [one for one in islice(absent, MAX_OVERTAKEN + 1) if one[0] < index]
        if len(ahead) + place.overtaken > MAX_OVERTAKEN or not all(patience[i] for i, _ in ahead):
            yield Start(absent.popleft()[1])
            continue
        for passed, _ in ahead:
            patience[passed] -= 1
        present.popleft()
        yield Start(place, [other for _, other in ahead])
    yield from (Start(place) for _, place in (*present, *absent))


def ranked(
    line: Line, busy: Collection[str], now: float, is_there: Callable[[Place], bool]
) -> list[Place]:
    """
    Everybody in `line` in the order in which work would start now.

    Who cannot start yet is told a place behind those who can, though never behind so many of them
    that the place could rise by more than `MAX_OVERTAKEN`. Whoever is told a place in front of the
    one in the line has that much less patience from now on: the model may leave memory again.
    """
    ready = line.ready(busy, now)
    in_line = {id(place): rank for rank, place in enumerate(ready, start=1)}
    starting: dict[int, int] = {}
    for rank, start in enumerate(starts(ready, is_there), start=1):
        place = start.place
        starting[id(place)] = rank
        place.ahead = max(place.ahead, in_line[id(place)] - rank)
    first_of = {place.job.conversation: starting[id(place)] for place in ready}
    ranks: list[tuple[int, int, int]] = []
    places = list(line)
    before = 0
    for index, place in enumerate(places):
        if id(place) in starting:
            before += 1
            ranks.append((starting[id(place)], 0, index))
        else:
            behind = min(before + place.patience, len(ready))
            ranks.append((max(behind, first_of.get(place.job.conversation, 0)), 1, index))
    return [places[index] for _, _, index in sorted(ranks)]
