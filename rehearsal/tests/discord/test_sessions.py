"""What a session can replay."""

from rehearsal.discord.sessions import KEPT_EVENTS, Session


def told(events: int) -> Session:
    """A session that was told so many things."""
    session = Session("s", 0)
    for number in range(events):
        session.tell("EVENT", {"number": number})
    return session


def test_everything_after_a_number_is_missed() -> None:
    missed = told(5).missed(3)
    assert missed is not None
    assert [frame["s"] for frame in missed] == [4, 5]
    assert told(5).missed(5) == []


def test_what_is_forgotten_or_never_was_cannot_be_resumed() -> None:
    assert told(KEPT_EVENTS + 5).missed(4) is None
    assert told(KEPT_EVENTS + 5).missed(5) is not None
    assert told(5).missed(6) is None
