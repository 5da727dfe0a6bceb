import pytest

from brain.chat.outbox import MAX_LASTING_FRAMES, MAX_LIGHT_FRAMES, Outbox, Outboxes
from shared.protocol import Delta, Done, Queued, Status, ToClient


def delta(text: str, *, ask: str = "a", attempt: int = 1) -> Delta:
    return Delta(ask_id=ask, attempt=attempt, text=text)


def done(ask: str = "a", text: str = "x") -> Done:
    return Done(ask_id=ask, request_id=f"r-{ask}", text=text)


def queued(ask: str = "a") -> Queued:
    return Queued(ask_id=ask, request_id=f"r-{ask}", position=1)


@pytest.fixture
def outbox() -> Outbox:
    outbox = Outbox()
    assert outbox.greet(None, 0) is False
    return outbox


async def read(outbox: Outbox) -> list[tuple[int, ToClient]]:
    return await outbox.next_frames()


async def test_numbers_rise_from_one(outbox: Outbox) -> None:
    outbox.put(queued())
    outbox.put(Status(ask_id="a", stage="routing"))
    outbox.put(done())
    assert [seq for seq, _ in await read(outbox)] == [1, 2, 3]


async def test_unsent_pieces_of_one_answer_become_one_frame(outbox: Outbox) -> None:
    for word in ("Hel", "lo", "!"):
        outbox.put(delta(word))
    assert await read(outbox) == [(1, delta("Hello!"))]


async def test_a_sent_piece_is_not_touched_again(outbox: Outbox) -> None:
    outbox.put(delta("Hel"))
    await read(outbox)
    outbox.put(delta("lo"))
    assert await read(outbox) == [(2, delta("lo"))]


async def test_pieces_do_not_jump_over_a_status_of_the_same_ask(outbox: Outbox) -> None:
    outbox.put(delta("one"))
    outbox.put(Status(ask_id="a", stage="thinking"))
    outbox.put(delta("two"))
    assert [frame.type for _, frame in await read(outbox)] == ["delta", "status", "delta"]


async def test_pieces_of_another_attempt_are_not_mixed(outbox: Outbox) -> None:
    outbox.put(delta("old"))
    outbox.put(delta("new", attempt=2))
    assert [frame for _, frame in await read(outbox)] == [delta("old"), delta("new", attempt=2)]


async def test_answers_of_two_asks_grow_side_by_side(outbox: Outbox) -> None:
    for ask, text in (("a", "1"), ("b", "x"), ("a", "2"), ("b", "y")):
        outbox.put(delta(text, ask=ask))
    assert [frame for _, frame in await read(outbox)] == [delta("12"), delta("xy", ask="b")]


async def test_a_resumed_session_goes_on_behind_the_last_number_seen(outbox: Outbox) -> None:
    outbox.put(queued())
    outbox.put(done())
    await read(outbox)
    assert outbox.greet(outbox.session_id, 1) is True
    assert await read(outbox) == [(2, done())]


async def test_an_unknown_session_starts_anew_with_what_is_going_on(outbox: Outbox) -> None:
    outbox.put(queued())
    outbox.put(Status(ask_id="a", stage="generating", attempt=2))
    outbox.put(delta("Hel", attempt=2))
    await read(outbox)
    outbox.put(delta("lo", attempt=2))
    before = outbox.session_id
    assert outbox.greet("somebody else's", 7) is False
    assert outbox.session_id != before
    assert await read(outbox) == [
        (1, queued()),
        (2, Status(ask_id="a", stage="generating", attempt=2)),
        (3, delta("Hello", attempt=2)),
    ]


async def test_text_of_an_attempt_that_was_given_up_is_not_shown_again(outbox: Outbox) -> None:
    outbox.put(delta("old words"))
    outbox.put(Status(ask_id="a", stage="waiting", attempt=2))
    outbox.greet(None, 0)
    assert [frame.type for _, frame in await read(outbox)] == ["status"]


async def test_acknowledged_frames_are_gone_and_their_ends_reported(outbox: Outbox) -> None:
    outbox.put(queued())
    outbox.put(done())
    outbox.put(queued("b"))
    await read(outbox)
    assert outbox.acknowledge(2) == [done()]
    assert outbox.greet(outbox.session_id, 0) is True
    assert await read(outbox) == [(3, queued("b"))]


async def test_a_client_that_never_acknowledges_loses_pieces_but_no_end(outbox: Outbox) -> None:
    for number in range(MAX_LIGHT_FRAMES + 10):
        outbox.put(Status(ask_id="a", stage="waiting", position=number + 1))
    outbox.put(done())
    frames = await read(outbox)
    assert len(frames) == MAX_LIGHT_FRAMES + 1
    assert frames[0][0] == 11
    assert frames[-1][1] == done()


async def test_ends_are_bounded_too_since_the_store_has_them(outbox: Outbox) -> None:
    for number in range(MAX_LASTING_FRAMES + 5):
        outbox.put(done(str(number)))
    assert not outbox.holds_end_of("4")
    assert outbox.holds_end_of("5")


def test_a_second_reader_replaces_the_first(outbox: Outbox) -> None:
    first = outbox.attach()
    second = outbox.attach()
    outbox.detach(first)
    assert (first.is_set(), second.is_set(), outbox.attached) == (True, False, True)


def test_frames_for_plain_http_callers_are_not_kept() -> None:
    outboxes = Outboxes()
    outboxes.put("user:1", "", done())
    assert outboxes.connected == 0
