"""How every world ends: things calm down, everybody is served, and a restart finds the same."""

from itertools import cycle

from brain.catalogue.models import Priority
from brain.vram.core import Core
from brain.vram.events import (
    Acquire,
    Leave,
    Look,
    Sampled,
    ServerAdded,
    ServerDrains,
    SetBreaker,
    Snapshot,
    Solved,
    Tick,
)
from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.policies.planner import solve
from brain.vram.reconcile import APART_SECONDS
from brain.vram.residents import Place
from memory_world.checks import Asked
from memory_world.setups import MACHINE_GB, ROSTER
from memory_world.world import World, fresh

NO_STALL = Psi(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
LOAD_SECONDS = 4
LEASE_SECONDS = 3
MOST_SECONDS = 3000
CALM_SECONDS = 65.0
"""Until no level of pressure and nothing that it holds back is left."""


def end(world: World) -> None:
    """Raises `Violation`: 7 for who waits too long, 20 and 21 for what is not the same again."""
    calm_down(world)
    replay(world)
    restart(world)


def calm_down(world: World) -> None:
    """Servers answer in time and nothing fails: whoever waits is served within the bound."""
    _mend(world)
    begun: dict[int, float] = {}
    _serve_those_who_wait(world, begun)
    for second in range(MOST_SECONDS):
        if not (world.waiting or world.holding or world.pending):
            break
        _second(world, begun, second)
    world.checks.expect(6, not world.waiting, f"never answered: {world.waiting}")
    for _ in range(3):
        world.at += APART_SECONDS
        for name in world.boxes:
            world.play(Look(name, world.at))
        _answer(world)
    while world.pending:
        _second(world, begun, 0)
    _books_are_right(world)


def _mend(world: World) -> None:
    """Every server is there and in use, and no crash is remembered."""
    for name, box in world.boxes.items():
        box.up = True
        if name not in world.core.books.servers:
            world.play(ServerAdded(box.setup.facts(), world.at))
        world.play(ServerDrains(name, False, world.at))
        world.play(Look(name, world.at))
    for model in ROSTER:
        world.play(SetBreaker(model, world.at))


def _serve_those_who_wait(world: World, begun: dict[int, float]) -> None:
    """While a stream of later callers asks for what is there, or drives it out."""
    began, limit = world.at, _bound(world)
    left, hot = set(world.waiting), cycle(("mid", "small", "big", "mid", "small"))
    for second in range(MOST_SECONDS):
        if left:
            world.tickets += 1
            ticket, model = world.tickets, next(hot)
            world.waiting[ticket] = Asked(model, (world.at, ticket), world.at, False)
            world.play(Acquire(ticket, model, world.at))
        _second(world, begun, second)
        left &= world.waiting.keys()
        if not left and second >= 5:
            return
        waited = world.at - began
        late = [world.waiting[ticket] for ticket in left]
        world.checks.expect(7, waited <= limit or not late, f"{late} still wait after {waited} s")


def _bound(world: World) -> float:
    """
    Before it come, at worst, one load for each model that is wanted, and its own. For each a stream
    of one caller a second overtakes k times; then answers end, models leave and one is loaded.
    """
    ahead = len({asked.model for asked in world.waiting.values()}) + len(world.boxes)
    one = world.setup.options.max_overtakes + 2 * (LEASE_SECONDS + 1) + LOAD_SECONDS + 3
    return CALM_SECONDS + ahead * one


def _second(world: World, begun: dict[int, float], second: int) -> None:
    """One second of good service."""
    free = world.truly_free_gb()
    world.play(Sampled(MemorySample(world.at, MACHINE_GB, free, NO_STALL, 0)))
    _answer(world)
    for order in list(world.pending.unloads):
        world.pending.unloads.remove(order)
        world.play(world.unload(order, 0))
    for load in list(world.pending.loads):
        if world.at - begun.setdefault(load.epoch, world.at) >= LOAD_SECONDS:
            world.pending.loads.remove(load)
            world.play(world.load(load, 0))
    for ticket in sorted(world.holding):
        seconds = LEASE_SECONDS + ticket % 2
        if ticket in world.holding and world.at - begun.setdefault(-ticket, world.at) >= seconds:
            del world.holding[ticket]
            world.play(Leave(ticket, world.at, True))
    if second % 30 == 29:
        for name in world.boxes:
            world.play(Look(name, world.at))
    world.at += 1.0
    world.play(Tick(world.at))


def _answer(world: World) -> None:
    """Every server that was asked says what it has, and every plan is made."""
    looks, world.pending.looks = world.pending.looks, []
    for probe, _ in looks:
        seen = world.boxes[probe.server].inventory()
        world.play(Snapshot(probe.server, probe.version, world.at, seen))
    solves, world.solves = world.solves, []
    for order in solves:
        world.play(Solved(order.domain, solve(order.problem, order.warm), world.at))


def _books_are_right(world: World) -> None:
    """Everything that takes memory is charged, and nothing that is not there."""
    charged = _charged(world.core)
    true = {
        Place(name, model)
        for name, box in world.boxes.items()
        for model in {*box.memory, *box.parked}
    }
    world.checks.expect(18, charged == true, f"charged {charged}, there {true}")


def _charged(core: Core) -> set[Place]:
    books = core.books
    return {
        place
        for place in books.residents
        if books.is_ours(place) or ROSTER[place.model].priority is Priority.CRITICAL
    }


def replay(world: World) -> None:
    """The same events on a new core give the same effects."""
    again = world.new_core()
    for number, (event, effects) in enumerate(zip(world.log, world.effects, strict=True)):
        other = again.step(fresh(event))
        world.checks.expect(
            20, other == effects, f"event {number}, {event}: {other}, was {effects}"
        )


def restart(world: World) -> None:
    """A new core that knows only what was kept finds the same models in memory."""
    before = _charged(world.core)
    learned = world.core.books.breaker.dump(), world.core.books.estimates.dump()
    world.begin()
    world.core.books.breaker.load(learned[0], at=world.at)
    world.core.books.estimates.load(learned[1])
    for name, box in world.boxes.items():
        seen = box.inventory()
        world.play(Snapshot(name, world.core.books.version, world.at, seen))
    after = _charged(world.core)
    world.checks.expect(21, after == before, f"{before} before, {after} after a restart")
