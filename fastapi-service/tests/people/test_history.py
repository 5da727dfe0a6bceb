"""The rows of finished requests."""

from typing import Any

import pytest

from brain.jobs.job import Job
from brain.people.history import KEEP_SECONDS, History
from shared.clock import ManualClock
from shared.errors import InvalidRequest
from shared.protocol import Done, End, Failed, Usage
from shared.store.counting import CountingStore


def job(order: int, **fields: Any) -> Job:
    known: dict[str, Any] = {
        "request_id": f"r{order}",
        "ask_id": f"a{order}",
        "principal": "user:anna",
        "client_id": "web",
        "user_id": "anna",
        "user_name": "Anna",
        "conversation": "user:anna:c",
        "text": "secret words",
        "surface": "web",
        "asked_at": ManualClock().now(),
        "order": order,
    }
    return Job(**known | fields)


def done(order: int) -> End:
    usage = Usage(input_tokens=10, output_tokens=20)
    return Done(
        ask_id="a",
        request_id=f"r{order}",
        text="secret answer",
        route="math",
        model="m",
        usage=usage,
    )


async def test_requests_come_newest_first_and_in_pages(store: CountingStore) -> None:
    history = History(store)
    for order in (3, 1, 2):
        await store.write(history.remember(job(order), done(order)))
    page, following = await history.page("anna", limit=2)
    assert [asked.request_id for asked in page] == ["r3", "r2"]
    rest, end = await history.page("anna", limit=2, after=following)
    assert [asked.request_id for asked in rest] == ["r1"]
    assert end is None
    assert (page[0].input_tokens, page[0].output_tokens) == (10, 20)
    assert (await history.page("bert", limit=2)) == ([], None)


async def test_remembering_twice_is_remembering_once(store: CountingStore) -> None:
    history = History(store)
    for _ in range(2):
        await store.write(history.remember(job(1), done(1)))
    page, _ = await history.page("anna", limit=10)
    assert len(page) == 1


async def test_no_words_are_kept(store: CountingStore) -> None:
    history = History(store)
    failure = Failed(ask_id="a", code="backend.failed", message="secret reason")
    await store.write(history.remember(job(1), done(1)))
    await store.write(history.remember(job(2), failure))
    assert "secret" not in str(await store.query("users", "anna"))
    assert (await history.page("anna", limit=1))[0][0].end == "backend.failed"


async def test_after_ninety_days_they_are_gone(store: CountingStore, clock: ManualClock) -> None:
    history = History(store)
    await store.write(history.remember(job(1), done(1)))
    await clock.advance(KEEP_SECONDS + 1)
    assert await history.page("anna", limit=1) == ([], None)


@pytest.mark.parametrize("cursor", ["", "x", "12", "9" * 21])
async def test_a_cursor_nobody_gave_out_is_refused(store: CountingStore, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await History(store).page("anna", limit=1, after=cursor)
