"""For every sequence of operations both stores answer as a plain dict would."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.clock import ManualClock
from shared.store import (
    ALWAYS,
    Absent,
    Change,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Matches,
    Put,
    Store,
    Write,
)

TABLE = "trollama-contract"
names = st.sampled_from(["a", "b", "pk", "", "~", "größe"])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "\x00", "ß"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
keys = st.builds(
    Key, st.just(TABLE), st.sampled_from(["p", "q"]), st.sampled_from(["1", "12", "2"])
)
conditions = st.one_of(
    st.just(ALWAYS),
    st.just(Absent()),
    st.builds(Matches, st.dictionaries(names, scalars, max_size=1)),
)
lifetimes = st.none() | st.integers(1, 3)


@dataclass(frozen=True)
class Wait:
    """Let time pass."""

    seconds: int


def _change(key: Key, content: dict[str, Any], when: Any, expires_at: float | None) -> Change:
    numbers = {"n": len(content)}
    return Change(key, set=content, add=numbers, when=when, expires_at=expires_at)


writes = st.one_of(
    st.builds(Put, keys, st.dictionaries(names, values, max_size=3), conditions, lifetimes),
    st.builds(_change, keys, st.dictionaries(names, values, max_size=3), conditions, lifetimes),
    st.builds(Delete, keys, conditions),
)
transactions = st.lists(writes, min_size=1, max_size=4, unique_by=lambda write: write.key)
steps = st.lists(transactions | st.builds(Wait, st.integers(1, 2)), max_size=12)


@dataclass
class Model:
    """What a store is: rows by key, each with the second it ends."""

    rows: dict[Key, tuple[Item, float | None]] = field(default_factory=dict)

    def get(self, key: Key, now: float) -> Item | None:
        item, expires_at = self.rows.get(key, (None, None))
        return item if expires_at is None or expires_at > now else None

    def write(self, transaction: list[Write], now: float) -> int | None:
        """Do all of it, or return the index of the first write that must not be done."""
        for index, write in enumerate(transaction):
            if not self._holds(write, self.get(write.key, now)):
                return index
        for write in transaction:
            self._do(write, self.get(write.key, now))
        return None

    def _holds(self, write: Write, item: Item | None) -> bool:
        match write.when:
            case Absent():
                return item is None
            case Matches(wanted):
                return item is not None and all(
                    name in item and repr(item[name]) == repr(value)
                    for name, value in wanted.items()
                )
        return True

    def _do(self, write: Write, item: Item | None) -> None:
        match write:
            case Put():
                self.rows[write.key] = (write.item, write.expires_at)
            case Delete():
                self.rows.pop(write.key, None)
            case Change():
                before = self.rows[write.key][1] if item is not None else None
                changed = {**(item or {}), **write.set}
                for name, amount in write.add.items():
                    changed[name] = changed.get(name, 0) + amount
                self.rows[write.key] = (changed, write.expires_at or before)


def _moved(write: Write, prefix: str, now: float) -> Write:
    """The same write under a key of this run, with its lifetime counted from now."""
    key = Key(TABLE, prefix + write.key.pk, write.key.sk)
    match write:
        case Put():
            ends = None if write.expires_at is None else now + write.expires_at
            return Put(key, write.item, write.when, ends)
        case Change():
            ends = None if write.expires_at is None else now + write.expires_at
            return Change(key, write.set, write.add, write.when, ends)
        case Delete():
            return Delete(key, write.when)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
async def test_a_store_is_a_dict(
    store: Store, clock: ManualClock, steps: list[list[Write] | Wait]
) -> None:
    model, prefix = Model(), uuid4().hex
    for step in steps:
        if isinstance(step, Wait):
            await clock.advance(step.seconds)
            continue
        transaction = [_moved(write, prefix, clock.now()) for write in step]
        refused = None
        try:
            await store.write(*transaction)
        except ConditionFailed as failure:
            refused = failure.index
        assert refused == model.write(transaction, clock.now())
    for pk in "pq":
        expected = []
        for sk in ("1", "12", "2"):
            item = model.get(Key(TABLE, prefix + pk, sk), clock.now())
            assert await store.get(Key(TABLE, prefix + pk, sk)) == item
            expected += [] if item is None else [(sk, item)]
        rows = await store.query(TABLE, prefix + pk)
        assert [(row.sk, row.item) for row in rows] == expected
