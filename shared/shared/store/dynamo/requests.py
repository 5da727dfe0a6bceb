"""
What to ask DynamoDB for: writes and queries as the arguments of its API. Pure.

A row whose time has passed may still lie in the table (DynamoDB takes up to days to remove it), so
every condition says what it means about such a row.
"""

from dataclasses import dataclass, field
from typing import Any

from shared.store.base import Absent, Always, Change, Condition, Delete, Key, Matches, Put, Write
from shared.store.dynamo.values import EXPIRES_AT, PK, SK, address, attributes, encode, name_of
from shared.store.items import canonical, prefix_end, whole_seconds

Arguments = dict[str, Any]

ALIVE = "(attribute_not_exists(#expiry) OR #expiry > :now)"
NOT_THERE = f"attribute_not_exists({PK})"
NOTHING = "~!"
"""An attribute no row has: `values.name_of` never returns it."""


@dataclass(slots=True)
class _Expression:
    """Collects names and values; DynamoDB refuses those that an expression does not use."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def name(self, name: str) -> str:
        """A placeholder for an attribute, so that reserved words do no harm."""
        return self._place(self.names, "#n", name_of(name))

    def value(self, value: Any) -> str:
        """A placeholder for a value."""
        return self._place(self.values, ":v", encode(value))

    def key(self, part: str) -> str:
        """A placeholder for a part of the primary key, which is never escaped."""
        return self._place(self.values, ":v", {"S": part})

    def with_expiry(self, text: str, now: float) -> str:
        """`text`, which speaks of `#expiry` and `:now`, with both defined."""
        self.names["#expiry"] = EXPIRES_AT
        self.values[":now"] = encode(now)
        return text

    def arguments(self) -> Arguments:
        """The maps DynamoDB wants, without the empty ones."""
        named: Arguments = {"ExpressionAttributeNames": self.names} if self.names else {}
        return named | ({"ExpressionAttributeValues": self.values} if self.values else {})

    @staticmethod
    def _place(places: dict[str, Any], kind: str, content: Any) -> str:
        place = f"{kind}{len(places)}"
        places[place] = content
        return place


def write_arguments(write: Write, now: float) -> Arguments:
    """The arguments of PutItem, UpdateItem or DeleteItem, also as a part of TransactWriteItems."""
    text = _Expression()
    arguments: Arguments = {"TableName": write.key.table}
    match write:
        case Put(key, item):
            row = address(key) | attributes(canonical(key, item))
            if write.expires_at is not None:
                row[EXPIRES_AT] = encode(whole_seconds(write.expires_at))
            arguments["Item"] = row
            condition = _condition(text, write.when, now)
        case Delete(key):
            arguments["Key"] = address(key)
            condition = _condition(text, write.when, now)
        case Change(key):
            arguments["Key"] = address(key)
            arguments["UpdateExpression"] = _update(text, write)
            condition = _change_condition(text, write.when, now)
    if condition:
        arguments["ConditionExpression"] = condition
    return arguments | text.arguments()


def _condition(text: _Expression, when: Condition, now: float) -> str:
    match when:
        case Always():
            return ""
        case Absent():
            return text.with_expiry(f"{NOT_THERE} OR #expiry <= :now", now)
        case Matches():
            return _matches(text, when, now)


def _change_condition(text: _Expression, when: Condition, now: float) -> str:
    """
    Like `_condition`, but false of an expired row that still lies there.

    A change keeps what it does not name, and nothing of such a row may be kept. The store removes
    the row and tries again.
    """
    match when:
        case Always():
            return text.with_expiry(ALIVE, now)
        case Absent():
            return NOT_THERE
        case Matches():
            return _matches(text, when, now)


def _matches(text: _Expression, when: Matches, now: float) -> str:
    tests = [f"attribute_exists({PK})", text.with_expiry(ALIVE, now)]
    tests += [f"{text.name(name)} = {text.value(value)}" for name, value in when.attributes.items()]
    return " AND ".join(tests)


def _update(text: _Expression, change: Change) -> str:
    content = canonical(change.key, {**change.set, **change.add})
    sets = [f"{text.name(name)} = {text.value(content[name])}" for name in change.set]
    if change.expires_at is not None:
        text.names["#expiry"] = EXPIRES_AT
        sets.append(f"#expiry = {text.value(whole_seconds(change.expires_at))}")
    adds = [f"{text.name(name)} {text.value(content[name])}" for name in change.add]
    clauses = ["SET " + ", ".join(sets)] if sets else []
    clauses += ["ADD " + ", ".join(adds)] if adds else []
    if not clauses:
        # A transaction wants an expression even where only the condition counts.
        text.names["#nothing"] = NOTHING
        clauses = ["REMOVE #nothing"]
    return " ".join(clauses)


def removal_of_expired(key: Key, now: float) -> Arguments:
    """The arguments of a DeleteItem that removes the row only if its time has passed."""
    text = _Expression()
    condition = text.with_expiry("#expiry <= :now", now)
    return {
        "TableName": key.table,
        "Key": address(key),
        "ConditionExpression": condition,
    } | text.arguments()


def query_arguments(
    table: str, pk: str, *, prefix: str, after: str | None, newest_first: bool, now: float
) -> Arguments | None:
    """The arguments of Query, or None when nothing can lie behind `after`."""
    text = _Expression()
    alive = text.with_expiry(ALIVE, now)
    condition = f"{PK} = {text.key(pk)}"
    arguments: Arguments = {"TableName": table, "ConsistentRead": True, "FilterExpression": alive}
    if prefix:
        condition += f" AND begins_with({SK}, {text.key(prefix)})"
    if newest_first:
        arguments["ScanIndexForward"] = False
    # DynamoDB refuses a start outside the range that is asked for.
    match after:
        case str() if after.startswith(prefix) and after:
            arguments["ExclusiveStartKey"] = address(Key(table, pk, after))
        case str() if _lies_behind(prefix, after, newest_first=newest_first):
            return None
    return arguments | {"KeyConditionExpression": condition} | text.arguments()


def _lies_behind(prefix: str, after: str, *, newest_first: bool) -> bool:
    """Whether the walk has passed all keys with `prefix` once it has reached `after`."""
    end = prefix_end(prefix)
    return after <= prefix if newest_first else end is not None and after >= end
