"""What both stores promise (`shared.store.base`), one by one."""

from collections.abc import Callable, Sequence

import pytest

from shared.clock import ManualClock
from shared.store import (
    ALWAYS,
    MAX_ITEM_BYTES,
    MAX_WRITES,
    Absent,
    Change,
    ConditionFailed,
    Delete,
    Item,
    ItemTooLarge,
    Key,
    Matches,
    Put,
    Row,
    Store,
)

MakeKey = Callable[..., Key]

EVERYTHING: Item = {
    "text": "Grüße, 世界 🎉 \x00 \n",
    "empty": "",
    "nul": "\x00",
    "yes": True,
    "no": False,
    "nothing": None,
    "zero": 0,
    "negative": -17,
    "large": 2**63 - 1,
    "fraction": 0.1 + 0.2,
    "tiny": 1.2345678901234567e-130,
    "list": [1, "two", None, [], {}, [[["deep"]]]],
    "object": {"": "no name", "a": {"b": {"c": [True]}}, "\x00x": 1},
}


async def test_what_is_put_comes_back_as_it_was(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), EVERYTHING))
    assert await store.get(key()) == EVERYTHING


async def test_names_the_database_uses_itself_can_be_used(store: Store, key: MakeKey) -> None:
    item: dict[str, str | int] = {
        "pk": 1,
        "sk": "x",
        "expires_at": 3,
        "~": 4,
        "~pk": 5,
        "": 6,
        "size": 7,
        "#n0": 8,
    }
    await store.write(Put(key(), item))
    same = Matches({**item})
    await store.write(Change(key(), set={"pk": 2}, add={"expires_at": 1}, when=same))
    assert await store.get(key()) == item | {"pk": 2, "expires_at": 4}


async def test_a_float_that_equals_an_integer_comes_back_as_one(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), {"a": 3.0, "b": [-0.0], "c": 1e18}))
    found = await store.get(key())
    assert found == {"a": 3, "b": [0], "c": 10**18}
    assert [type(found["a"]), type(found["b"][0]), type(found["c"])] == [int, int, int]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        1e126,
        1e-131,
        2**63,
        b"bytes",
        {1: "x"},
        "\ud800",
        pytest.param(object(), id="an object"),
    ],
    ids=repr,
)
async def test_what_one_store_could_not_keep_both_refuse(
    store: Store, key: MakeKey, value: object
) -> None:
    with pytest.raises((ValueError, AttributeError)):
        await store.write(Put(key(), {"value": value}))
    assert await store.get(key()) is None


async def test_nothing_is_found_where_nothing_was_put(store: Store, key: MakeKey) -> None:
    assert await store.get(key()) is None
    assert list(await store.query(key().table, key().pk)) == []


async def test_a_put_replaces_the_whole_object(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), {"a": 1, "b": 2}))
    await store.write(Put(key(), {"b": 3}))
    assert await store.get(key()) == {"b": 3}


async def test_a_change_leaves_the_rest(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), {"a": 1, "b": {"c": 2}, "d": 4}))
    await store.write(Change(key(), set={"b": {"x": ""}}, add={"d": -1, "new": 5}))
    assert await store.get(key()) == {"a": 1, "b": {"x": ""}, "d": 3, "new": 5}


async def test_a_change_makes_the_row_that_is_missing(store: Store, key: MakeKey) -> None:
    await store.write(Change(key(), set={"a": "x"}, add={"n": 2}))
    assert await store.get(key()) == {"a": "x", "n": 2}


async def test_a_change_of_nothing_makes_an_empty_row(store: Store, key: MakeKey) -> None:
    await store.write(Change(key()))
    await store.write(Change(key("2")), Change(key("3"), when=ALWAYS))
    assert [await store.get(key(pk)) for pk in ("", "2", "3")] == [{}, {}, {}]


async def test_adding_to_text_is_a_mistake(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), {"a": "x"}))
    with pytest.raises(ValueError, match=r".+"):
        await store.write(Change(key(), add={"a": 1}))
    with pytest.raises(ValueError, match=r".+"):
        await store.write(Put(key("2"), {}), Change(key(), add={"a": 1}))
    assert await store.get(key("2")) is None


async def test_a_counter_starts_from_nothing_and_says_where_it_stands(
    store: Store, key: MakeKey
) -> None:
    assert await store.add(key(), "n", 5) == 5
    assert await store.add(key(), "n", -7) == -2
    assert await store.add(key(), "other", 1) == 1
    assert await store.get(key()) == {"n": -2, "other": 1}


async def test_deleting_is_fine_whether_or_not_it_is_there(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), {"a": 1}))
    await store.write(Delete(key()))
    await store.write(Delete(key()))
    assert await store.get(key()) is None


# ------------------------------------------------------------------ conditions


async def test_absent_lets_only_the_first_put_through(store: Store, key: MakeKey) -> None:
    await store.write(Put(key(), {"a": 1}, when=Absent()))
    with pytest.raises(ConditionFailed):
        await store.write(Put(key(), {"a": 2}, when=Absent()))
    assert await store.get(key()) == {"a": 1}


async def test_absent_lets_only_the_first_change_through(store: Store, key: MakeKey) -> None:
    await store.write(Change(key(), set={"a": 1}, when=Absent()))
    with pytest.raises(ConditionFailed):
        await store.write(Change(key(), set={"a": 2}, when=Absent()))
    assert await store.get(key()) == {"a": 1}


async def test_absent_refuses_to_delete_what_is_there(store: Store, key: MakeKey) -> None:
    await store.write(Delete(key(), when=Absent()))
    await store.write(Put(key(), {}))
    with pytest.raises(ConditionFailed):
        await store.write(Delete(key(), when=Absent()))


@pytest.mark.parametrize(
    "wanted",
    [{"n": 1}, {"s": "x", "t": True, "f": False}, {"s": "x", "none": None}, {"empty": ""}, {}],
    ids=repr,
)
async def test_matches_holds_when_all_attributes_equal(
    store: Store, key: MakeKey, wanted: dict[str, str | int | bool | None]
) -> None:
    item = {"n": 1, "s": "x", "t": True, "f": False, "none": None, "empty": "", "list": [1]}
    await store.write(Put(key(), item))
    await store.write(Change(key(), set={"hit": 1}, when=Matches(wanted)))
    await store.write(Put(key(), {}, when=Matches(wanted)))
    assert await store.get(key()) == {}


@pytest.mark.parametrize(
    "wanted",
    [{"n": 2}, {"n": "1"}, {"t": 1}, {"n": True}, {"zero": False}, {"missing": None}, {"none": ""}],
    ids=repr,
)
async def test_matches_fails_when_one_attribute_differs_or_is_missing(
    store: Store, key: MakeKey, wanted: dict[str, str | int | bool | None]
) -> None:
    item = {"n": 1, "t": True, "zero": 0, "none": None}
    await store.write(Put(key(), item))
    for write in (
        Put(key(), {}, when=Matches(wanted)),
        Change(key(), set={"hit": 1}, when=Matches(wanted)),
        Delete(key(), when=Matches(wanted)),
    ):
        with pytest.raises(ConditionFailed):
            await store.write(write)
    assert await store.get(key()) == item


async def test_matches_without_attributes_wants_the_row_to_be_there(
    store: Store, key: MakeKey
) -> None:
    for write in (
        Put(key(), {}, when=Matches()),
        Change(key(), set={"a": 1}, when=Matches()),
        Delete(key(), when=Matches()),
    ):
        with pytest.raises(ConditionFailed):
            await store.write(write)
    assert await store.get(key()) is None


# ------------------------------------------------------------------ transactions


async def test_a_transaction_happens_whole(store: Store, key: MakeKey) -> None:
    await store.write(Put(key("old"), {"x": 1}), Put(key("n"), {"n": 1}))
    await store.write(
        Put(key("a"), {"a": 1}, when=Absent()),
        Change(key("n"), add={"n": 2}, when=Matches({"n": 1})),
        Delete(key("old"), when=Matches()),
    )
    assert await store.get(key("a")) == {"a": 1}
    assert await store.get(key("n")) == {"n": 3}
    assert await store.get(key("old")) is None


async def test_one_refused_write_undoes_the_transaction_and_is_named(
    store: Store, key: MakeKey
) -> None:
    await store.write(Put(key("there"), {"v": 1}))
    with pytest.raises(ConditionFailed) as refused:
        await store.write(
            Put(key("a"), {"a": 1}),
            Change(key("b"), add={"n": 1}),
            Put(key("there"), {"v": 2}, when=Absent()),
            Delete(key("there2"), when=Matches()),
        )
    assert refused.value.index == 2
    assert await store.get(key("a")) is None
    assert await store.get(key("b")) is None
    assert await store.get(key("there")) == {"v": 1}


async def test_as_many_writes_as_promised_fit_one_transaction(store: Store, key: MakeKey) -> None:
    await store.write(*(Put(key("p", f"{n:02}"), {"n": n}) for n in range(MAX_WRITES)))
    assert len(await store.query(key().table, key("p").pk)) == MAX_WRITES


async def test_what_is_no_transaction_is_a_mistake(store: Store, key: MakeKey) -> None:
    many = [Put(key(str(n)), {}) for n in range(MAX_WRITES + 1)]
    same = [Put(key(), {"a": 1}), Delete(key())]
    both = [Change(key(), set={"a": 1}, add={"a": 1})]
    for writes in ([], many, same, both):
        with pytest.raises(ValueError, match=r".+"):
            await store.write(*writes)


@pytest.mark.parametrize(
    "bad",
    [
        Key("no-such-table", "a"),
        Key("trollama-contract", ""),
        Key("trollama-contract", "a", ""),
        Key("trollama-contract", "é" * 1025),
        Key("trollama-contract", "a", "é" * 513),
    ],
    ids=["table", "no pk", "no sk", "long pk", "long sk"],
)
async def test_a_key_no_database_could_hold_is_a_mistake(store: Store, bad: Key) -> None:
    with pytest.raises(ValueError, match=r".+"):
        await store.write(Put(bad, {}))
    with pytest.raises(ValueError, match=r".+"):
        await store.get(bad)


# ------------------------------------------------------------------ size


async def test_a_row_of_400_kb_fits_and_a_larger_one_is_refused(store: Store, key: MakeKey) -> None:
    fits = {"text": "x" * (MAX_ITEM_BYTES - 100), "n": 1}
    await store.write(Put(key(), fits))
    for writes in (
        [Put(key(), {"text": "ü" * (MAX_ITEM_BYTES // 2)})],
        [Put(key("2"), {}), Put(key(), {"list": [True] * MAX_ITEM_BYTES})],
        [Change(key(), set={"more": "x" * 20_000})],
        [Put(key("2"), {}), Change(key(), set={"more": "x" * 20_000})],
    ):
        with pytest.raises(ItemTooLarge) as refused:
            await store.write(*writes)
        assert refused.value.key == key()
        assert refused.value.status == 422
    assert await store.get(key()) == fits
    assert await store.get(key("2")) is None


@pytest.mark.parametrize(
    "value", [list(range(70_000)), [[]] * 70_000, [{"a": None}] * 40_000, [1.5] * 70_000]
)
async def test_many_small_values_fit_up_to_the_limit_too(
    store: Store, key: MakeKey, value: list[object]
) -> None:
    await store.write(Put(key(), {"v": value}))
    assert await store.get(key()) == {"v": value}


# ------------------------------------------------------------------ expiry


async def test_an_expired_row_is_not_there(store: Store, key: MakeKey, clock: ManualClock) -> None:
    await store.write(Put(key("p", "a"), {"a": 1}, expires_at=clock.now() + 10))
    await store.write(Put(key("p", "b"), {"b": 1}))
    await clock.advance(9)
    assert await store.get(key("p", "a")) == {"a": 1}
    await clock.advance(1)
    assert await store.get(key("p", "a")) is None
    assert await store.query(key().table, key("p").pk) == [Row("b", {"b": 1})]


async def test_an_expired_row_counts_as_absent(
    store: Store, key: MakeKey, clock: ManualClock
) -> None:
    for name in "abcd":
        await store.write(Put(key(name), {"old": 1}, expires_at=clock.now() + 10))
    await clock.advance(20)
    for write in (
        Put(key("a"), {}, when=Matches()),
        Change(key("a"), set={"x": 1}, when=Matches({"old": 1})),
        Delete(key("a"), when=Matches()),
    ):
        with pytest.raises(ConditionFailed):
            await store.write(write)
    await store.write(Put(key("a"), {"new": 1}, when=Absent()))
    await store.write(Change(key("b"), set={"new": 1}, when=Absent()))
    await store.write(Delete(key("c"), when=Absent()))
    assert [await store.get(key(name)) for name in "abc"] == [{"new": 1}, {"new": 1}, None]
    assert await store.add(key("d"), "old", 5) == 5


async def test_a_change_keeps_nothing_of_an_expired_row(
    store: Store, key: MakeKey, clock: ManualClock
) -> None:
    for name in "abc":
        await store.write(Put(key(name), {"old": 1}, expires_at=clock.now() + 10))
    await clock.advance(20)
    await store.write(Change(key("a"), set={"new": 1}))
    await store.write(
        Change(key("b"), set={"new": 1}), Change(key("c"), add={"old": 1}, when=Absent())
    )
    await clock.advance(1000)
    assert [await store.get(key(name)) for name in "abc"] == [{"new": 1}, {"new": 1}, {"old": 1}]


async def test_a_change_leaves_the_expiry_alone_or_moves_it(
    store: Store, key: MakeKey, clock: ManualClock
) -> None:
    await store.write(Put(key("a"), {}, expires_at=clock.now() + 10))
    await store.write(Put(key("b"), {}, expires_at=clock.now() + 10))
    await store.write(Change(key("a"), set={"x": 1}))
    await store.write(Change(key("b"), set={"x": 1}, expires_at=clock.now() + 20))
    await store.write(Change(key("c"), expires_at=clock.now() + 20))
    await clock.advance(15)
    found = [await store.get(key(name)) for name in "abc"]
    assert found == [None, {"x": 1}, {}]
    await clock.advance(5)
    assert await store.get(key("b")) is None
    assert await store.get(key("c")) is None


async def test_a_put_without_expiry_stays_for_ever(
    store: Store, key: MakeKey, clock: ManualClock
) -> None:
    await store.write(Put(key(), {"a": 1}, expires_at=clock.now() + 10))
    await store.write(Put(key(), {"a": 2}))
    await clock.advance(1e8)
    assert await store.get(key()) == {"a": 2}


async def test_expiry_is_rounded_up_to_the_whole_second(
    store: Store, key: MakeKey, clock: ManualClock
) -> None:
    await store.write(Put(key(), {"a": 1}, expires_at=clock.now() + 0.2))
    await clock.advance(0.9)
    assert await store.get(key()) == {"a": 1}
    await clock.advance(0.1)
    assert await store.get(key()) is None


# ------------------------------------------------------------------ queries

SORT_KEYS = ["", "a", "a#1", "a#2", "a#3", "aé", "a\U0010ffff", "b", "\x01", "😀"]


def _keys(rows: Sequence[Row]) -> list[str]:
    return [row.sk for row in rows]


@pytest.fixture
async def ordered(store: Store, key: MakeKey) -> list[str]:
    """The sort keys of a filled partition in the order of their UTF-8 bytes."""
    sort_keys = sorted((sk for sk in SORT_KEYS if sk), key=str.encode)
    for sk in reversed(sort_keys):
        await store.write(Put(key("p", sk), {"sk": sk}))
    await store.write(Put(key("other", "a#9"), {}))
    return sort_keys


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("prefix", ["", "a", "a#", "a\U0010ffff", "zz"])
async def test_a_query_returns_what_begins_with_the_prefix_in_order(
    store: Store, key: MakeKey, ordered: list[str], prefix: str, newest_first: bool
) -> None:
    expected = [sk for sk in ordered if sk.startswith(prefix)]
    rows = await store.query(key().table, key("p").pk, prefix=prefix, newest_first=newest_first)
    assert _keys(rows) == (expected[::-1] if newest_first else expected)
    assert all(row.item == {"sk": row.sk} for row in rows)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("prefix", ["", "a", "a#"])
@pytest.mark.parametrize("after", ["", "\x01", "a", "a#", "a#2", "a#2x", "az", "zz"])
async def test_a_query_goes_on_behind_a_sort_key(
    store: Store, key: MakeKey, ordered: list[str], prefix: str, after: str, newest_first: bool
) -> None:
    behind = [sk for sk in ordered if sk.startswith(prefix)]
    if newest_first:
        behind = [sk for sk in behind[::-1] if sk.encode() < after.encode()]
    else:
        behind = [sk for sk in behind if sk.encode() > after.encode()]
    for limit in (None, 1, 2, 100):
        rows = await store.query(
            key().table,
            key("p").pk,
            prefix=prefix,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )
        assert _keys(rows) == behind[:limit]


async def test_a_limit_counts_living_rows_only(
    store: Store, key: MakeKey, clock: ManualClock
) -> None:
    for n in range(12):
        expires_at = clock.now() + 10 if n % 3 else None
        await store.write(Put(key("p", f"{n:02}"), {"n": n}, expires_at=expires_at))
    await clock.advance(20)
    rows = await store.query(key().table, key("p").pk, limit=3)
    assert _keys(rows) == ["00", "03", "06"]


async def test_a_query_for_less_than_one_row_is_a_mistake(store: Store, key: MakeKey) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await store.query(key().table, key("p").pk, limit=0)


async def test_a_query_of_several_megabytes_is_complete(store: Store, key: MakeKey) -> None:
    for n in range(8):
        await store.write(Put(key("p", str(n)), {"text": str(n) * 390_000}))
    assert _keys(await store.query(key().table, key("p").pk)) == list("01234567")
    newest = await store.query(key().table, key("p").pk, newest_first=True, limit=5)
    assert _keys(newest) == list("76543")
