"""What a person prefers: read once, never stale, weaker than the ask itself."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from brain.people.preferences import NONE, PreferenceBook, Preferences
from shared.errors import InvalidRequest
from shared.protocol import AskOptions
from shared.store import Change, Item, Key, Row, Write
from shared.store.counting import CountingStore

MODELS = ("small", "large")


def book(store: Any) -> PreferenceBook:
    return PreferenceBook(store, models=MODELS)


def test_the_ask_itself_wins() -> None:
    mine = Preferences(route="math", think=True, web_search=True)
    asked = AskOptions(think="low", web_search=False)
    assert mine.apply(asked) == AskOptions(route="math", think="low", web_search=False)
    assert NONE.apply(asked) is asked


@pytest.mark.parametrize("asked", [AskOptions(route="general"), AskOptions(model="small")])
def test_route_and_model_are_one_choice(asked: AskOptions) -> None:
    mine = Preferences(route="math", model="large", think=True)
    applied = mine.apply(asked)
    assert (applied.route, applied.model) == (asked.route, asked.model)
    assert applied.think is True


async def test_a_person_is_read_from_the_store_once(store: CountingStore) -> None:
    preferences = book(store)
    for _ in range(3):
        assert await preferences.of("anna") == NONE
    assert store.count.total() == 1


async def test_a_change_keeps_what_it_does_not_name(store: CountingStore) -> None:
    await book(store).change("anna", Preferences(route="math", think="high"))
    kept = await book(store).change("anna", Preferences(think=None, language="pt-BR"))
    assert kept == Preferences(route="math", language="pt-BR")
    assert await book(store).of("anna") == kept


async def test_a_change_is_seen_at_once(store: CountingStore) -> None:
    preferences = book(store)
    await preferences.of("anna")
    await preferences.change("anna", Preferences(route="math"))
    assert (await preferences.of("anna")).route == "math"
    assert await preferences.forget("anna") is True
    assert await preferences.of("anna") == NONE
    assert await preferences.forget("anna") is False


async def test_a_model_the_roster_lacks_is_refused(store: CountingStore) -> None:
    with pytest.raises(InvalidRequest, match="`model`: choose one of large, small"):
        await book(store).change("anna", Preferences(model="huge"))
    assert store.count["write"] == 0


async def test_a_model_that_has_left_the_roster_is_not_preferred(store: CountingStore) -> None:
    await book(store).change("anna", Preferences(model="large", think=True))
    later = PreferenceBook(store, models=("small",))
    assert await later.of("anna") == Preferences(think=True)


async def test_a_row_of_another_version_is_read_as_far_as_it_goes(store: CountingStore) -> None:
    key = Key("users", "anna", "preferences")
    await store.write(Change(key, set={"route": "math", "from_the_future": 1}))
    assert await book(store).of("anna") == Preferences(route="math")
    await store.write(Change(key, set={"route": "poetry"}))
    assert await book(store).of("anna") == NONE


class Held:
    """A store whose next `get` waits between reading and returning."""

    def __init__(self, store: CountingStore) -> None:
        self.store = store
        self.read = anyio.Event()
        self.go_on = anyio.Event()

    async def get(self, key: Key) -> Item | None:
        found = await self.store.get(key)
        self.read.set()
        await self.go_on.wait()
        return found

    async def query(self, table: str, pk: str, **options: Any) -> Sequence[Row]:
        return await self.store.query(table, pk, **options)

    async def write(self, *writes: Write) -> None:
        await self.store.write(*writes)

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        return await self.store.add(key, attribute, amount)


async def test_a_slow_read_does_not_bring_back_what_was_changed(store: CountingStore) -> None:
    held = Held(store)
    preferences = book(held)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(preferences.of, "anna")
        await held.read.wait()
        tasks.start_soon(preferences.change, "anna", Preferences(route="math"))
        await anyio.wait_all_tasks_blocked()
        while await store.get(Key("users", "anna", "preferences")) is None:
            await anyio.sleep(0.005)
        held.go_on.set()
    assert (await preferences.of("anna")).route == "math"


async def test_no_more_people_are_kept_than_agreed(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.people.preferences.REMEMBERED_PEOPLE", 2)
    preferences = book(store)
    for user in ("a", "b", "a", "c", "a"):
        await preferences.of(user)
    assert store.count["get"] == 3
    await preferences.of("b")
    assert store.count["get"] == 4
