"""The tables, behind one small interface: SQLite in a file, or DynamoDB."""

from shared.store.base import (
    ALWAYS,
    MAX_ITEM_BYTES,
    MAX_WRITES,
    Absent,
    Always,
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
    Write,
)
from shared.store.open import open_store

__all__ = [
    "ALWAYS", "MAX_ITEM_BYTES", "MAX_WRITES", "Absent", "Always", "Change", "ConditionFailed",
    "Delete", "Item", "ItemTooLarge", "Key", "Matches", "Put", "Row", "Store", "Write",
    "open_store",
]  # fmt: skip
