"""JSON objects as DynamoDB attributes."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.store import Item, Key
from shared.store.dynamo.values import address, attributes, decode, encode, item_of, name_of
from shared.store.items import canonical

KEY = Key("things", "a", "b")

names = st.text(max_size=4) | st.sampled_from(["pk", "sk", "expires_at", "", "~", "~pk", "\x00"])
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(
    allow_nan=False, allow_infinity=False, min_value=1e-100, max_value=1e100
)
objects = st.dictionaries(
    names,
    st.recursive(
        st.none() | st.booleans() | numbers | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(names, inner),
        max_leaves=8,
    ),
)

few = settings(max_examples=50)  # drawing nested objects is slow


@few
@given(objects)
def test_every_object_survives_the_way_there_and_back(item: Item) -> None:
    row = attributes(canonical(KEY, item)) | address(KEY) | {"expires_at": {"N": "7"}}
    assert item_of(row) == canonical(KEY, item) == item


@few
@given(objects)
def test_nothing_is_written_that_old_dynamodb_refuses(item: Item) -> None:
    row = attributes(canonical(KEY, item))
    assert "" not in row
    assert not {"pk", "sk", "expires_at"} & set(row)
    assert "{'S': ''}" not in str(row)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-130, max_value=9e125))
def test_a_number_comes_back_exactly(number: float) -> None:
    [kept] = canonical(KEY, {"n": number}).values()
    assert decode(encode(kept)) == number


def test_a_number_is_int_where_it_equals_one_of_64_bits() -> None:
    found = [decode({"N": text}) for text in ("3", "3.0", "1E+3", "9223372036854775807")]
    assert [type(number) for number in found] == [int] * 4
    assert math.isclose(decode({"N": "1E+30"}), 1e30)


def test_true_is_kept_as_true_and_not_as_one() -> None:
    assert encode(True) == {"BOOL": True}
    assert encode(1) == {"N": "1"}


def test_plain_names_stay_readable_in_the_table() -> None:
    assert name_of("owner") == "owner"
    assert name_of("pk") == "~pk"
