"""Whether a load fits now: under the limit of its memory, and in what the machine has free."""

from dataclasses import dataclass
from math import inf

from brain.vram.books import Books
from brain.vram.residents import Place


@dataclass(frozen=True, slots=True)
class Room:
    """What a load at a place lacks, in GB of 10^9 bytes; nothing or less: it fits."""

    need_gb: float
    limit_short_gb: float
    machine_short_gb: float
    """Minus infinity where the machine's memory is not what counts, or was never read."""

    to_free_gb: float
    """What others have to give up, beyond what is on its way out already."""

    @property
    def short_gb(self) -> float:
        """The greater of the two lacks."""
        return max(self.limit_short_gb, self.machine_short_gb)


def room_at(books: Books, place: Place, *, extra_gb: float = 0.0) -> Room:
    """The room for a load at `place`; `extra_gb` is to be free beside it."""
    domain, machine = books.domain_at(place), books.machine
    need = books.need_gb(place)
    limit = -inf
    if books.is_limited(place):
        limit = books.charged_gb(domain, without=place) + need + extra_gb - domain.hard_gb
    leaving = books.leaving(domain)
    to_free = limit - sum(gb for other, gb in leaving if books.is_limited(other))
    lacking = -inf
    free = machine.free_gb
    if domain.is_machine and free is not None:
        resident = books.residents.get(place)
        there = resident.charged_gb if resident is not None else 0.0
        takes = max(0.0, need - there) + extra_gb if books.takes_memory(place) else 0.0
        lacking = takes + machine.reserve_gb - free
        coming = sum(gb for other, gb in leaving if books.takes_memory(other))
        to_free = max(to_free, lacking - coming - machine.returning_gb)
    return Room(need, limit, lacking, to_free)


def is_unknown(books: Books, place: Place) -> bool:
    """Whether the machine's memory would decide and cannot be read."""
    machine = books.machine
    return machine.sample is not None and machine.free_gb is None and books.takes_memory(place)
