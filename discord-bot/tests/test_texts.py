"""Words about what strangers and models wrote."""

import pytest

from bot import texts
from shared.protocol import Source, Status

NO_ADDRESSES = ["https://[example.com/a", "https://[2001:db8/x", "[]"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_a_page_whose_address_is_none_is_named_as_it_was_given(address: str) -> None:
    status = Status(ask_id="a", stage="reading_page", detail=address)
    assert texts.of_status(status) == f"⏳ Reading `{address}`…"


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_a_source_whose_address_is_none_is_no_link(address: str) -> None:
    assert texts.of_source(Source(title="", url=address)) == ""
