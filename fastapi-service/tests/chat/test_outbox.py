import anyio
import pytest

from brain.chat.outbox import (
    MAX_LASTING_FRAMES,
    MAX_LIGHT_FRAMES,
    PACE_SECONDS,
    Outbox,
    Outboxes,
    Reader,
)
from shared.protocol import Delta, Done, Queued, Status, ToClient


def delta(text: str, *, ask: str = "a", attempt: int = 1) -> Delta:
    return Delta(ask_id=ask, attempt=attempt, text=text)


def done(ask: str = "a", text: str = "x") -> Done:
    return Done(ask_id=ask, request_id=f"r-{ask}", text=text)


def queued(ask: str = "a") -> Queued:
    return Queued(ask_id=ask, request_id=f"r-{ask}", position=1)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def reader(outbox: Outbox) -> Reader:
    return outbox.greet(None, 0)


async def read(reader: Reader) -> list[tuple[int, ToClient]]:
    with anyio.fail_after(1):
        return await reader.next_frames()


async def nothing_for(reader: Reader) -> bool:
    with anyio.move_on_after(3 * PACE_SECONDS):
        await reader.next_frames()
        return False
    return True


async def test_numbers_rise_from_one(outbox: Outbox, reader: Reader) -> None:
    outbox.put(queued())
    outbox.put(Status(ask_id="a", stage="routing"))
    outbox.put(done())
    assert [seq for seq, _ in await read(reader)] == [1, 2, 3]


async def test_unsent_pieces_of_one_answer_become_one_frame(outbox: Outbox, reader: Reader) -> None:
    for word in ("Hel", "lo", "!"):
        outbox.put(delta(word))
    assert await read(reader) == [(1, delta("Hello!"))]


async def test_a_sent_piece_is_not_touched_again(outbox: Outbox, reader: Reader) -> None:
    outbox.put(delta("Hel"))
    await read(reader)
    outbox.put(delta("lo"))
    assert await read(reader) == [(2, delta("lo"))]


async def test_more_of_a_shown_text_waits_for_others_and_leaves_with_them(
    outbox: Outbox, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.put(delta("a1"))
    outbox.put(delta("b1", ask="b"))
    await read(reader)
    monkeypatch.setattr("brain.chat.outbox.PACE_SECONDS", 0.1)
    outbox.put(delta("a2"))
    assert await nothing_for(reader)
    outbox.put(delta("b2", ask="b"))
    assert await read(reader) == [(3, delta("a2")), (4, delta("b2", ask="b"))]


@pytest.mark.parametrize(
    "urgent", [delta("b1", ask="b"), delta("new", attempt=2), queued("b"), done()]
)
async def test_only_more_of_a_shown_text_waits(
    outbox: Outbox, reader: Reader, urgent: ToClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.chat.outbox.PACE_SECONDS", 60.0)
    outbox.put(delta("a1"))
    await read(reader)
    outbox.put(delta("a2"))
    outbox.put(urgent)
    assert [frame for _, frame in await read(reader)] == [delta("a2"), urgent]


async def test_a_status_waits_for_company_and_goes_with_it(
    outbox: Outbox, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.chat.outbox.PACE_SECONDS", 60.0)
    status = Status(ask_id="a", stage="generating")
    outbox.put(queued("a"))
    await read(reader)
    outbox.put(status)
    assert await nothing_for(reader)
    outbox.put(delta("one"))
    assert [frame for _, frame in await read(reader)] == [status, delta("one")]


async def test_a_status_alone_goes_in_the_end(outbox: Outbox, reader: Reader) -> None:
    status = Status(ask_id="a", stage="loading_model")
    outbox.put(status)
    assert [frame for _, frame in await read(reader)] == [status]


async def test_pieces_do_not_jump_over_a_status_of_the_same_ask(
    outbox: Outbox, reader: Reader
) -> None:
    outbox.put(delta("one"))
    outbox.put(Status(ask_id="a", stage="thinking"))
    outbox.put(delta("two"))
    assert [frame.type for _, frame in await read(reader)] == ["delta", "status", "delta"]


async def test_pieces_of_another_attempt_are_not_mixed(outbox: Outbox, reader: Reader) -> None:
    outbox.put(delta("old"))
    outbox.put(delta("new", attempt=2))
    assert [frame for _, frame in await read(reader)] == [delta("old"), delta("new", attempt=2)]


async def test_answers_of_two_asks_grow_side_by_side(outbox: Outbox, reader: Reader) -> None:
    for ask, text in (("a", "1"), ("b", "x"), ("a", "2"), ("b", "y")):
        outbox.put(delta(text, ask=ask))
    assert [frame for _, frame in await read(reader)] == [delta("12"), delta("xy", ask="b")]


async def test_a_resumed_session_goes_on_behind_the_last_number_seen(
    outbox: Outbox, reader: Reader
) -> None:
    outbox.put(queued())
    outbox.put(done())
    await read(reader)
    again = outbox.greet(outbox.session_id, 1)
    assert again.resumed is True
    assert await read(again) == [(2, done())]


async def test_an_unknown_session_starts_anew_with_what_is_going_on(
    outbox: Outbox, reader: Reader
) -> None:
    outbox.put(queued())
    outbox.put(Status(ask_id="a", stage="generating", attempt=2))
    outbox.put(delta("Hel", attempt=2))
    await read(reader)
    outbox.put(delta("lo", attempt=2))
    before = outbox.session_id
    again = outbox.greet("somebody else's", 7)
    assert again.resumed is False
    assert outbox.session_id != before
    assert await read(again) == [
        (1, queued()),
        (2, Status(ask_id="a", stage="generating", attempt=2)),
        (3, delta("Hello", attempt=2)),
    ]


@pytest.mark.parametrize("guess", ["-", "", None])
def test_an_outbox_nobody_has_greeted_cannot_be_resumed(guess: str | None) -> None:
    reader = Outbox().greet(guess, 0)
    assert reader.resumed is False
    assert reader.session_id


async def test_an_end_that_came_while_nobody_listened_is_the_first_thing_heard(
    outbox: Outbox,
) -> None:
    outbox.put(delta("lost, since the end holds it all"))
    outbox.put(done())
    assert await read(outbox.greet(None, 0)) == [(1, done())]


async def test_text_of_an_attempt_that_was_given_up_is_not_shown_again(
    outbox: Outbox, reader: Reader
) -> None:
    outbox.put(delta("old words"))
    outbox.put(Status(ask_id="a", stage="waiting", attempt=2))
    assert [frame.type for _, frame in await read(outbox.greet(None, 0))] == ["status"]


async def test_acknowledged_frames_are_gone_and_their_ends_reported(
    outbox: Outbox, reader: Reader
) -> None:
    outbox.put(queued())
    outbox.put(done())
    outbox.put(queued("b"))
    await read(reader)
    assert reader.acknowledge(2) == [done()]
    assert await read(outbox.greet(outbox.session_id, 0)) == [(3, queued("b"))]


async def test_a_connection_that_was_replaced_takes_and_acknowledges_nothing(
    outbox: Outbox, reader: Reader
) -> None:
    outbox.put(queued())
    outbox.put(done())
    await read(reader)
    again = outbox.greet(outbox.session_id, 0)
    assert reader.replaced.is_set()
    assert await nothing_for(reader)
    assert reader.acknowledge(2) == []
    assert await read(again) == [(1, queued()), (2, done())]


async def test_a_client_that_never_acknowledges_loses_pieces_but_no_end(
    outbox: Outbox, reader: Reader
) -> None:
    for number in range(MAX_LIGHT_FRAMES + 10):
        outbox.put(Status(ask_id="a", stage="waiting", position=number + 1))
    outbox.put(done())
    frames = await read(reader)
    assert len(frames) == MAX_LIGHT_FRAMES + 1
    assert frames[0][0] == 11
    assert frames[-1][1] == done()


async def test_ends_are_bounded_too_since_the_store_has_them(
    outbox: Outbox, reader: Reader
) -> None:
    for number in range(MAX_LASTING_FRAMES + 5):
        outbox.put(done(str(number)))
    assert "4" not in outbox.kept_ends()
    assert "5" in outbox.kept_ends()


def test_a_connection_that_leaves_late_does_not_detach_the_next(
    outbox: Outbox, reader: Reader
) -> None:
    again = outbox.greet(None, 0)
    reader.leave()
    assert outbox.attached
    again.leave()
    assert not outbox.attached


def test_frames_for_plain_http_callers_are_not_kept() -> None:
    outboxes = Outboxes()
    outboxes.put("user:1", "", done())
    assert outboxes.connected == 0


def test_outboxes_that_nobody_would_miss_are_forgotten() -> None:
    outboxes = Outboxes()
    kept = outboxes.of("service", "bot")
    kept.greet(None, 0)
    for number in range(5_000):
        outboxes.put("user:1", f"tab {number}", done())
    assert outboxes.of("service", "bot") is kept
    assert len(outboxes) < 3_000
