"""Brings the books into line with what a server says about itself."""

from dataclasses import dataclass

from brain.catalogue.models import ModelSpec
from brain.vram.books import Books
from brain.vram.estimates import note_size
from brain.vram.events import Snapshot
from brain.vram.residents import Inventory, Place, Resident, ServerFacts, State

MISSING_SNAPSHOTS = 2
"""How often in a row a model must be missing before it is believed to be gone: servers have been
seen to leave one out while they load another."""

APART_SECONDS = 1.0
"""Two answers about the same moment are one: the second counts when it was asked for after the
first, and came so much later."""

UNCONFIRMED = frozenset({"adopted", "failed", "stuck", "parked"})
"""States in which one snapshot without the model is enough: it was never sure to be there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a snapshot showed that the books did not."""

    gone: tuple[Place, ...] = ()
    """In the books and certainly not there; the caller takes them out."""

    found: tuple[Place, ...] = ()
    """There and not in the books; they are now."""

    missed: tuple[Place, ...] = ()
    """Missing for the first time: the next snapshot will tell."""


def apply_snapshot(books: Books, event: Snapshot) -> Difference:
    """
    Adopt what the server has loaded, take over its sizes, and say what it no longer has.

    A server that did not answer keeps everything it was last known to have and is marked down. News
    older than the last change of a model are ignored for that model.
    """
    server = books.servers[event.server]
    server.healthy, server.problem = event.inventory is not None, event.problem
    counts = event.version > server.struck_version and event.at >= server.struck_at + APART_SECONDS
    if event.inventory is None:
        if counts:
            server.silent += 1
            _strike(books, server, event.at)
        return Difference()
    server.silent = 0
    server.inventory = event.inventory
    if event.inventory.sleeps is not None:
        server.sleeps = event.inventory.sleeps
    gone: list[Place] = []
    missed: list[Place] = []
    for place, resident in books.residents.items():
        if place.server != event.server or resident.epoch > event.version:
            continue
        if resident.state in ("loading", "unloading"):
            continue
        if _is_there(place, event.inventory, loads=server.loads):
            _confirm(books, place, resident, event)
            continue
        at_once = resident.state in UNCONFIRMED or resident.suspect
        if not (counts or at_once):
            continue
        resident.missing += 1
        enough = 1 if at_once else MISSING_SNAPSHOTS
        (gone if resident.missing >= enough else missed).append(place)
    if missed:
        _strike(books, server, event.at)
    there = {**event.inventory.parked, **event.inventory.loaded}
    found = [
        place
        for model, size_gb in there.items()
        if _adopt(books, Place(event.server, model), size_gb, event)
        for place in [Place(event.server, model)]
    ]
    return Difference(tuple(gone), tuple(found), tuple(missed))


def _strike(books: Books, server: ServerFacts, at: float) -> None:
    """Only what is asked from now on is another look."""
    server.struck_version, server.struck_at = books.version, at
    books.version += 1


def _is_there(place: Place, inventory: Inventory, *, loads: bool) -> bool:
    if not loads:
        return place.model in inventory.installed
    return place.model in inventory.loaded or place.model in inventory.parked


def _confirm(books: Books, place: Place, resident: Resident, event: Snapshot) -> None:
    """It is there; how much it takes may be news."""
    assert event.inventory is not None
    resident.missing, resident.suspect = 0, False
    if resident.state == "stuck":  # what did not leave then may leave now
        _change(books, resident, _awake(books, place))
    parked_gb = event.inventory.parked.get(place.model)
    if resident.state == "parked" and parked_gb is None:  # somebody else woke it
        _change(books, resident, _awake(books, place))
    if parked_gb is not None and not resident.leases:
        if resident.state != "parked":
            _change(books, resident, "parked")
            resident.peak_gb = 0.0
        resident.charged_gb = parked_gb
    size_gb = event.inventory.loaded.get(place.model, 0.0)
    if size_gb > 0 and books.is_ours(place):
        note_size(resident, size_gb, at=event.at)


def _change(books: Books, resident: Resident, state: State) -> None:
    books.version += 1
    resident.epoch, resident.state = books.version, state


def _awake(books: Books, place: Place) -> State:
    """A server of fixed models has the right one, awake; of others a load has to make sure."""
    return "adopted" if books.servers[place.server].loads else "ready"


def _adopt(books: Books, place: Place, size_gb: float, event: Snapshot) -> bool:
    if place in books.residents or books.gone.get(place, 0) > event.version:
        return False
    if not books.is_ours(place):
        return False
    assert event.inventory is not None
    asleep = place.model not in event.inventory.loaded
    spec = books.spec(place.model) or ModelSpec(name=place.model, size_gb=size_gb)
    books.version += 1
    books.residents[place] = Resident(
        spec=spec,
        state="parked" if asleep else _awake(books, place),
        charged_gb=size_gb if asleep else size_gb or spec.size_gb,
        epoch=books.version,
        measured=size_gb > 0,
        peak_gb=size_gb,
        peak_at=event.at,
        loaded_at=event.at,
    )
    return True
