"""
The few operations every table supports, and what they promise.

A row is addressed by table, partition key `pk` and sort key `sk` and holds one JSON object of at
most 400 KB (DynamoDB's item limit, kept by both stores so that what works on one works on the
other). Numbers come back as int where they equal one that fits 64 bits, else as float. A row whose
`expires_at` (kept to the whole second, rounded up) has passed is not there: reads leave it out
whether or not it was removed yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.errors import InvalidRequest

MAX_ITEM_BYTES = 400_000
MAX_WRITES = 10
"""Writes in one transaction: what DynamoDB Local 1.11 takes (AWS: 100) and fits AWS's 4 MB."""

Item = dict[str, Any]
"""One JSON object: str, int, float, bool, None, and lists and dicts of these."""


@dataclass(frozen=True, slots=True)
class Key:
    """The address of one row. `sk` defaults to "-" for tables with one row a partition."""

    table: str
    pk: str
    sk: str = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """What a query returns: the sort key and the object stored under it."""

    sk: str
    item: Item


@dataclass(frozen=True, slots=True)
class Always:
    """No condition."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The row must not exist (an expired one does not)."""


@dataclass(frozen=True, slots=True)
class Matches:
    """
    The row must exist and each of these attributes must equal the given value.

    An attribute that is missing does not equal None; true does not equal 1.
    """

    attributes: Mapping[str, str | int | bool | None] = field(default_factory=dict)


Condition = Always | Absent | Matches
ALWAYS = Always()


@dataclass(frozen=True, slots=True)
class Put:
    """Store `item` whole, replacing what is there. `expires_at`: seconds since 1970, or never."""

    key: Key
    item: Item
    when: Condition = ALWAYS
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """
    Set some attributes and add to others, leaving the rest; creates the row if it is not there.

    `add` starts from 0 where an attribute is missing. `expires_at` None leaves the expiry alone.
    """

    key: Key
    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int | float] = field(default_factory=dict)
    when: Condition = ALWAYS
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the row; removing what is not there is fine unless `when` says otherwise."""

    key: Key
    when: Condition = ALWAYS


Write = Put | Change | Delete


class ConditionFailed(Exception):
    """A write's condition did not hold; nothing of its transaction happened."""

    def __init__(self, index: int) -> None:
        self.index = index
        """Which of the writes was refused, counted from 0."""
        super().__init__(f"the condition of write {index} did not hold")


class ItemTooLarge(InvalidRequest):
    """A row over 400 KB."""

    code = "chat.too_long"

    def __init__(self, key: Key, size: int) -> None:
        self.key = key
        super().__init__(
            f"This is too large to keep: {size // 1000} KB of at most {MAX_ITEM_BYTES // 1000} KB."
        )


class Store(Protocol):
    """
    Both stores do exactly this; one suite of tests runs against both.

    Every method may raise `shared.errors.StoreUnavailable` when the database cannot be reached; no
    write has half happened then, though it may have happened whole.
    """

    async def get(self, key: Key) -> Item | None:
        """The object under `key`, as last written by anyone (strongly consistent), or None."""

    async def query(
        self,
        table: str,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[Row]:
        """
        The rows of a partition whose sort key begins with `prefix`, ordered by sort key (UTF-8).

        `after` leaves out that sort key and all that come before it in the chosen direction.
        """

    async def write(self, *writes: Write) -> None:
        """
        All of `writes` (1 to `MAX_WRITES`, each key at most once) or none of them.

        Raises `ConditionFailed` with the first refused write, `ItemTooLarge`.
        """

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        """Add to a counter and return its new value; both start from nothing at 0."""
