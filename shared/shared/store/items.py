"""
What both stores agree on before they touch a database: valid rows, conditions, effects.

Pure. The limits are DynamoDB's, kept on SQLite too, so that what works on one works on the other.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any

from shared.store.base import (
    MAX_ITEM_BYTES,
    MAX_WRITES,
    Absent,
    Always,
    Change,
    Condition,
    Delete,
    Item,
    ItemTooLarge,
    Key,
    Matches,
    Put,
    Write,
)

MAX_DEPTH = 30
"""Levels of nesting; DynamoDB allows 32 and the item itself is one."""
MAX_PK_BYTES = 2048
MAX_SK_BYTES = 1024
LARGEST_INTEGER = 2**63 - 1
LARGEST_NUMBER = 9.9e125
SMALLEST_NUMBER = 1e-130
"""Magnitudes between which DynamoDB keeps numbers (its developer guide, "Numbers")."""


def check_key(key: Key, tables: Collection[str]) -> None:
    """Raise `ValueError` for a table nobody declared or a key part that is empty or too long."""
    check_partition(key.table, key.pk, tables)
    if not 0 < len(key.sk.encode()) <= MAX_SK_BYTES:
        raise ValueError(f"a sort key has 1 to {MAX_SK_BYTES} bytes")


def check_query(table: str, pk: str, limit: int | None, tables: Collection[str]) -> None:
    """Raise `ValueError` for a query that neither store could carry out."""
    check_partition(table, pk, tables)
    if limit is not None and limit < 1:
        raise ValueError("a query is for at least one row")


def check_partition(table: str, pk: str, tables: Collection[str]) -> None:
    """Raise `ValueError` for a table nobody declared or a partition key empty or too long."""
    if table not in tables:
        raise ValueError(f"the table {table!r} was not named when the store was opened")
    if not 0 < len(pk.encode()) <= MAX_PK_BYTES:
        raise ValueError(f"a partition key has 1 to {MAX_PK_BYTES} bytes")


def check_writes(writes: Sequence[Write], tables: Collection[str]) -> None:
    """Raise `ValueError` for a transaction that neither store could carry out."""
    if not 0 < len(writes) <= MAX_WRITES:
        raise ValueError(f"a transaction has 1 to {MAX_WRITES} writes, not {len(writes)}")
    for write in writes:
        check_key(write.key, tables)
        if isinstance(write, Change) and not set(write.set).isdisjoint(write.add):
            raise ValueError("an attribute is either set or added to")
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("a transaction writes each key at most once")


def canonical(key: Key, item: Item) -> Item:
    """
    `item` as both stores give it back: numbers equal to an integer are int.

    Raises `ItemTooLarge`, and `ValueError` for what is no JSON or beyond DynamoDB's numbers.
    """
    size = 0

    def visit(value: Any, depth: int) -> Any:
        nonlocal size
        match value:
            case None | bool():
                size += 1
                return value
            case str():
                size += len(value.encode())
                return value
            case int() | float():
                number = _number(value)
                size += len(repr(number)) // 2 + 2
                return number
        if depth > MAX_DEPTH:
            raise ValueError(f"an item nests at most {MAX_DEPTH} levels")
        match value:
            case dict():
                size += 3 + sum(len(name.encode()) + 1 for name in value)
                return {name: visit(inner, depth + 1) for name, inner in value.items()}
            case list() | tuple():
                size += 3 + len(value)
                return [visit(inner, depth + 1) for inner in value]
        raise ValueError(f"{type(value).__name__} is no JSON value")

    kept: Item = visit(item, 1)
    if size > MAX_ITEM_BYTES:
        raise ItemTooLarge(key, size)
    return kept


def _number(value: int | float) -> int | float:
    if isinstance(value, float):
        if not math.isfinite(value) or (
            value and not SMALLEST_NUMBER <= abs(value) <= LARGEST_NUMBER
        ):
            raise ValueError("a number is finite and between 1e-130 and 9.9e125")
        if not value.is_integer() or abs(value) > LARGEST_INTEGER:
            return value
        value = int(value)
    if abs(value) > LARGEST_INTEGER:
        raise ValueError("an integer fits into 64 bits")
    return value


def whole_seconds(expires_at: float | None) -> int | None:
    """An expiry as it is kept: DynamoDB removes by whole seconds, so both stores round up."""
    return None if expires_at is None else math.ceil(expires_at)


def holds(condition: Condition, current: Item | None) -> bool:
    """Whether `condition` is true of the row as it is (None: not there, or expired)."""
    match condition:
        case Always():
            return True
        case Absent():
            return current is None
        case Matches(attributes):
            return current is not None and all(
                name in current and _equal(current[name], value)
                for name, value in attributes.items()
            )


def _equal(kept: Any, wanted: Any) -> bool:
    """Equality as DynamoDB has it: true is not 1."""
    return isinstance(kept, bool) == isinstance(wanted, bool) and bool(kept == wanted)


def after(write: Write, current: Item | None) -> Item | None:
    """The object under the key once `write` has happened, or None when the row is gone."""
    match write:
        case Put(key, item):
            return canonical(key, item)
        case Delete():
            return None
        case Change(key, values, amounts):
            changed = {**(current or {}), **values}
            for name, amount in amounts.items():
                start = changed.get(name, 0)
                if isinstance(start, bool) or not isinstance(start, int | float):
                    raise ValueError(f"the attribute {name!r} is no number to add to")
                changed[name] = start + amount
            return canonical(key, changed)


def prefix_end(prefix: str) -> str | None:
    """The smallest string greater than all that begin with `prefix`; None when there is none."""
    for last in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[last])
        if code < 0x10FFFF:
            # Surrogates (D800-DFFF) are no characters of their own and cannot be written as UTF-8.
            return prefix[:last] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None
