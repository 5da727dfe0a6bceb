"""What random worlds found in the core, each as the shortest story that shows it."""

from typing import Any

from brain.catalogue.models import ModelSpec, Priority
from brain.vram.core import Core
from brain.vram.events import (
    Acquire,
    Answer,
    AskUnload,
    Effect,
    Event,
    Failure,
    Grant,
    Leave,
    LoadDone,
    Sampled,
    ServerAdded,
    SetBreaker,
    Snapshot,
    StartLoad,
    StartUnload,
    Tick,
    UnloadDone,
)
from brain.vram.memory.sample import MemorySample
from brain.vram.options import VramOptions
from brain.vram.residents import Inventory, Place, ServerFacts

BROKEN = Failure("failed", "out of memory", "one")
MODELS = {
    one.name: one
    for one in (
        ModelSpec(name="big", size_gb=13.0, priority=Priority.HIGH),
        ModelSpec(name="mid", size_gb=9.0),
        ModelSpec(name="small", size_gb=5.0),
        ModelSpec(name="tiny", size_gb=2.0, priority=Priority.LOW),
        ModelSpec(name="pinned", size_gb=0.5, priority=Priority.CRITICAL),
        ModelSpec(name="nap", size_gb=4.0, backend="sglang"),
    )
}
NAP = Place("sleepy", "nap")


class Pool:
    """Some servers of one core, and all that was ordered."""

    def __init__(
        self, *names: str, hard_gb: float = 14.0, parallel: int | None = 1, **options: Any
    ) -> None:
        self.names = names or ("one",)
        given = VramOptions(soft_gb=hard_gb, hard_gb=hard_gb, **{"policy": "lru", **options})
        self.core = Core(
            specs=MODELS, servers=[facts(one, parallel) for one in self.names], options=given
        )
        self.at = 1000.0
        self.effects: list[Effect] = []
        self.tickets = 0
        for name in self.names:
            self.look(name, loaded={"nap": 4.0} if name == "sleepy" else {})

    def play(self, event: Event) -> None:
        self.effects += self.core.step(event)

    def look(self, name: str, *, loaded: dict[str, float], **parked: float) -> None:
        local = [one for one in MODELS if one != "nap"]
        installed = {one: MODELS[one] for one in (["nap"] if name == "sleepy" else local)}
        inventory = Inventory(installed, loaded, parked=parked)
        self.play(Snapshot(name, self.core.books.version, self.at, inventory))

    def ask(self, model: str, *, patient: bool = True, speculative: bool = False) -> int:
        self.tickets += 1
        self.play(Acquire(self.tickets, model, self.at, None, patient, speculative))
        return self.tickets

    def orders(self, kind: type[StartLoad] | type[StartUnload]) -> list[Place]:
        return [one.place for one in self.effects if isinstance(one, kind)]

    def granted(self) -> dict[int, Place]:
        return {one.ticket: one.place for one in self.effects if isinstance(one, Grant)}

    def load_ends(self, place: Place, *, failure: Failure | None = None) -> None:
        epoch = self.core.books.residents[place].epoch
        self.play(LoadDone(place, epoch, self.at, 2.0, None, failure))

    def unload_ends(self, place: Place, *, parked_gb: float | None = None) -> None:
        epoch = self.core.books.residents[place].epoch
        self.play(UnloadDone(place, epoch, self.at, None, parked_gb))

    def sample(self, available_gb: float) -> None:
        """The machine's memory is read: 32 GB in all, 2 of them the reserve."""
        self.at += 1.0
        self.play(Sampled(MemorySample(self.at, total_gb=32.0, available_gb=available_gb)))

    def tick(self, seconds: float) -> None:
        self.at += seconds
        self.play(Tick(self.at))


def facts(name: str, parallel: int | None = 1) -> ServerFacts:
    if name == "sleepy":
        return ServerFacts(name, "openai", "http://sleepy", loads=False, sleeps=True)
    domain = "far" if name == "far" else "machine"
    return ServerFacts(
        name, "ollama", f"http://{name}", loads=True, domain=domain, parallel=parallel
    )


def test_another_caller_comes_while_room_is_made_among_several_servers() -> None:
    pool = Pool("one", "two")
    pool.play(Acquire(98, "mid", pool.at))
    mid = pool.orders(StartLoad)[0]
    pool.load_ends(mid)
    pool.play(Leave(98, pool.at))
    first, second = pool.ask("big"), pool.ask("big")
    assert pool.orders(StartUnload) == [mid]
    pool.unload_ends(mid)
    pool.core.books.servers[pool.orders(StartLoad)[1].server].parallel = None
    pool.load_ends(pool.orders(StartLoad)[1])
    assert {first, second} <= pool.granted().keys()


def test_a_copy_that_is_there_is_used_before_one_that_is_coming() -> None:
    pool = Pool("one", "far", parallel=2)
    first = pool.ask("small")
    there = pool.orders(StartLoad)[0]
    pool.load_ends(there)
    pool.ask("small")
    waiting = pool.ask("small")
    pool.tick(10.0)
    assert len(pool.orders(StartLoad)) == 2, "a second copy is coming"
    pool.play(Leave(first, pool.at))
    assert pool.granted()[waiting] == there


def test_a_model_found_awake_on_a_server_that_can_only_sleep_is_put_to_sleep() -> None:
    pool = Pool("one", "sleepy")
    pool.sample(14.0)
    pool.ask("big")
    parks = [one.park for one in pool.effects if isinstance(one, StartUnload)]
    assert parks == [True]


def test_what_a_sleeping_model_still_takes_is_counted_after_a_restart() -> None:
    pool = Pool("one")
    pool.play(ServerAdded(facts("sleepy"), pool.at))
    pool.look("sleepy", loaded={}, nap=3.5)
    assert pool.core.books.residents[NAP].state == "parked"
    assert pool.core.books.charged_gb() == 3.5


def test_whoever_stood_back_for_a_load_goes_on_when_that_is_refused() -> None:
    pool = Pool(max_overtakes=1, parallel=None)
    pool.ask("small")
    pool.load_ends(Place("one", "small"))
    pool.ask("tiny")  # and its load takes its time
    head = pool.ask("mid", patient=False)
    pool.ask("small")
    stands_back = pool.ask("small")
    assert stands_back not in pool.granted()
    pool.play(SetBreaker("mid", pool.at, forced_open=True))
    assert head not in pool.core.books.waiters
    assert stands_back in pool.granted()


def test_an_operator_can_unload_a_pinned_model_that_is_in_use() -> None:
    pool = Pool()
    holder = pool.ask("pinned")
    pool.load_ends(Place("one", "pinned"))
    pool.play(AskUnload(50, "pinned", pool.at))
    waiting = pool.ask("pinned")
    pool.play(Leave(holder, pool.at))
    assert pool.orders(StartUnload) == [Place("one", "pinned")]
    pool.unload_ends(Place("one", "pinned"))
    pool.load_ends(Place("one", "pinned"))
    assert waiting in pool.granted()


def test_an_operators_unload_is_made_up_for_when_its_server_speaks_again() -> None:
    pool = Pool()
    holder = pool.ask("mid")
    pool.load_ends(Place("one", "mid"))
    pool.play(AskUnload(50, "mid", pool.at))
    for _ in range(3):
        pool.tick(1.0)
        pool.play(Snapshot("one", pool.core.books.version, pool.at, None, "silent"))
    pool.play(Leave(holder, pool.at))
    assert pool.orders(StartUnload) == []
    pool.look("one", loaded={"mid": 9.0})
    pool.tick(1.0)
    assert pool.orders(StartUnload) == [Place("one", "mid")]


def test_a_second_copy_never_drives_out_the_first() -> None:
    pool = Pool("one", "two", hard_gb=9.0)
    pool.ask("small")
    first = pool.orders(StartLoad)[0]
    pool.load_ends(first)
    pool.ask("small")
    pool.tick(400.0)
    assert pool.core.books.residents[first].state == "ready"
    assert pool.orders(StartLoad) == [first]


def test_who_waits_stays_where_room_is_being_made() -> None:
    pool = Pool("one", "far")
    pool.core.books.servers["far"].draining = True
    pool.play(Acquire(98, "mid", pool.at))
    pool.load_ends(Place("one", "mid"))
    pool.play(Leave(98, pool.at))
    pool.ask("big")
    assert pool.orders(StartUnload) == [Place("one", "mid")]
    pool.core.books.servers["far"].draining = False
    pool.tick(30.0)
    assert pool.orders(StartLoad) == [Place("one", "mid")], "no load elsewhere beside it"
    pool.unload_ends(Place("one", "mid"))
    assert pool.orders(StartLoad)[-1] == Place("one", "big")


def test_a_model_that_may_be_there_is_not_unloaded_with_the_last_who_wanted_it_early() -> None:
    pool = Pool()
    pool.look("one", loaded={"pinned": 0.5})
    early = pool.ask("pinned", speculative=True)
    assert pool.orders(StartLoad) == [Place("one", "pinned")], "a claim"
    before = len(pool.effects)
    pool.play(Leave(early, pool.at))
    assert pool.effects[before:] == []


def crash(pool: Pool, place: Place) -> None:
    pool.load_ends(place, failure=BROKEN)
    pool.look(place.server, loaded={})


def test_a_load_that_was_begun_before_the_breaker_opened_is_not_joined_by_a_probe() -> None:
    pool = Pool("one", "far")
    pool.core.books.servers["far"].draining = True
    pool.ask("small")  # on one, and it takes its time
    assert pool.orders(StartLoad) == [Place("one", "small")]
    for second in range(2):
        pool.core.books.breaker.crash("small", pool.at + second, "killed")
    pool.core.books.servers["far"].draining = False
    pool.core.books.servers["one"].draining = True
    pool.tick(60.0)
    assert pool.orders(StartLoad) == [Place("one", "small")]


def test_a_probe_waits_for_the_room_that_was_made_for_it() -> None:
    pool = Pool(hard_gb=20.0)
    pool.ask("mid")
    pool.load_ends(Place("one", "mid"))
    pool.play(Leave(1, pool.at))
    for _ in range(2):
        pool.ask("small")
        pool.load_ends(Place("one", "small"), failure=BROKEN)
        pool.look("one", loaded={"mid": 9.0})
    pool.ask("small")
    loads = len(pool.orders(StartLoad))
    pool.tick(60.0)
    assert pool.orders(StartUnload) == [Place("one", "mid")]
    pool.tick(0.0)
    assert len(pool.orders(StartLoad)) == loads
    pool.unload_ends(Place("one", "mid"))
    assert pool.orders(StartLoad)[-1] == Place("one", "small")


def test_unloading_what_sleeps_already_changes_nothing() -> None:
    pool = Pool("one", "sleepy")
    pool.look("sleepy", loaded={}, nap=0.4)
    assert pool.core.books.residents[NAP].state == "parked"
    pool.play(AskUnload(50, "nap", pool.at))
    assert pool.effects[-1] == Answer(50, "absent")
    assert pool.orders(StartUnload) == []
    pool.ask("nap")
    assert pool.core.books.residents[NAP].charged_gb == 4.0, "awake it takes what it took"


def test_a_caller_uses_the_copy_that_nobody_waits_to_replace() -> None:
    pool = Pool("one", "far", max_overtakes=0, parallel=None)
    for name in ("one", "far"):
        pool.look(name, loaded={"mid": 9.0})
        pool.core.books.servers["one"].draining = name == "far"
        holder = pool.ask("mid")
        pool.load_ends(Place(name, "mid"))
        assert pool.granted()[holder] == Place(name, "mid")
    pool.core.books.servers["far"].draining = True
    pool.core.books.servers["one"].draining = False
    pool.ask("tiny")  # and its load takes its time
    pool.ask("small")  # needs the room of mid
    pool.core.books.servers["far"].draining = False
    pool.core.books.servers["far"].leases += 1  # so that one is less busy
    caller = pool.ask("mid")
    assert pool.granted()[caller] == Place("far", "mid")
