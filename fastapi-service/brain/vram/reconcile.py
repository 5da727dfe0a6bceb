"""Brings the books into line with what a server says about itself."""

from brain.catalogue.models import ModelSpec
from brain.vram.books import Books
from brain.vram.events import Snapshot
from brain.vram.residents import Inventory, Place, Resident

MISSING_SNAPSHOTS = 2
"""How often in a row a model must be missing before it is believed to be gone: servers have been
seen to leave one out while they load another."""


def apply_snapshot(books: Books, event: Snapshot) -> None:
    """
    Adopt what the server has loaded, drop what it no longer has, take over its sizes.

    A server that did not answer keeps everything it was last known to have and is marked down. News
    older than the last change of a model are ignored for that model.
    """
    server = books.servers[event.server]
    server.healthy, server.problem = event.inventory is not None, event.problem
    if event.inventory is None:
        return
    server.inventory = event.inventory
    for place in [place for place in books.residents if place.server == event.server]:
        resident = books.residents[place]
        if resident.epoch > event.version or resident.state in ("loading", "unloading"):
            continue
        _compare(books, place, resident, event.inventory, loads=server.loads)
    for model, size_gb in event.inventory.loaded.items():
        place = Place(event.server, model)
        if place in books.residents or books.gone.get(place, 0) > event.version:
            continue
        _adopt(books, place, size_gb, at=event.at)


def _compare(
    books: Books, place: Place, resident: Resident, inventory: Inventory, *, loads: bool
) -> None:
    there = inventory.loaded if loads else inventory.installed
    if place.model in there:
        resident.missing, resident.stuck = 0, False
        if loads and inventory.loaded[place.model] > 0:
            resident.charged_gb, resident.measured = inventory.loaded[place.model], True
        return
    resident.missing += 1
    certain = resident.state == "uncertain" or resident.missing >= MISSING_SNAPSHOTS
    if certain and not resident.leases:
        books.version += 1
        books.gone[place] = books.version
        del books.residents[place]


def _adopt(books: Books, place: Place, size_gb: float, *, at: float) -> None:
    spec = books.spec(place.model) or ModelSpec(name=place.model, size_gb=size_gb)
    books.version += 1
    books.residents[place] = Resident(
        spec=spec,
        state="uncertain",
        charged_gb=size_gb or spec.size_gb,
        epoch=books.version,
        measured=size_gb > 0,
        loaded_at=at,
    )
