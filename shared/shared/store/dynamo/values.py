"""
JSON objects as DynamoDB attributes, and back.

A row is `pk`, `sk`, `expires_at` (whole seconds, for DynamoDB's time to live) and one attribute for
each name in the object, so that conditions and additions work on them and an operator can read the
table. Names that would clash or be empty get a `~` in front. DynamoDB before May 2020 refuses the
empty string; text that is empty or begins with NUL gets a NUL in front.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from shared.store.base import Item, Key
from shared.store.items import LARGEST_INTEGER

PK, SK, EXPIRES_AT = "pk", "sk", "expires_at"
RESERVED = frozenset({PK, SK, EXPIRES_AT, ""})
ESCAPE = "~"
EMPTY = "\x00"

Attribute = dict[str, Any]
"""`{"S": "text"}` and the like, as in the API reference of AttributeValue."""
Attributes = dict[str, Attribute]


def address(key: Key) -> Attributes:
    """The primary key of a row."""
    return {PK: {"S": key.pk}, SK: {"S": key.sk}}


def attributes(item: Item) -> Attributes:
    """A canonical object as the attributes of a row."""
    return {name_of(name): encode(value) for name, value in item.items()}


def item_of(row: Mapping[str, Any]) -> Item:
    """The object in a row as DynamoDB returns it."""
    return {
        name.removeprefix(ESCAPE): decode(value)
        for name, value in row.items()
        if name not in RESERVED
    }


def name_of(name: str) -> str:
    """The attribute a name in the object is kept under."""
    return ESCAPE + name if name in RESERVED or name.startswith(ESCAPE) else name


def encode(value: Any) -> Attribute:
    """A JSON value in DynamoDB's notation."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": _fill(value)}
        case int() | float():
            return {"N": repr(value)}
        case dict():
            return {"M": {_fill(name): encode(inner) for name, inner in value.items()}}
        case _:
            return {"L": [encode(inner) for inner in value]}


def decode(attribute: Mapping[str, Any]) -> Any:
    """The JSON value in DynamoDB's notation; numbers equal to an integer are int."""
    [(kind, value)] = attribute.items()
    match kind:
        case "S":
            return cast(str, value).removeprefix(EMPTY)
        case "N":
            return _number(value)
        case "BOOL":
            return value
        case "M":
            return {name.removeprefix(EMPTY): decode(inner) for name, inner in value.items()}
        case "L":
            return [decode(inner) for inner in value]
    return None


def _fill(text: str) -> str:
    return EMPTY + text if not text or text.startswith(EMPTY) else text


def _number(text: str) -> int | float:
    number = Decimal(text)
    if number == number.to_integral_value() and abs(number) <= LARGEST_INTEGER:
        return int(number)
    return float(number)
