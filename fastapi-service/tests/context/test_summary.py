from hypothesis import given
from hypothesis import strategies as st

from brain.context.checkpoint import Checkpoint
from brain.context.conversation import Entry
from brain.context.summary import (
    DUE_ENTRIES,
    Minutes,
    checkpoint_of,
    is_due,
    merged,
    older,
    portion,
    read_minutes,
    transcript,
)
from brain.llm.tokens import estimate


def turns(count: int, *, words: int = 10) -> list[Entry]:
    said = []
    for order in range(1, count + 1):
        said.append(Entry("user", "word " * words, "Anna", order=order))
        said.append(Entry("assistant", "more " * words, order=order))
    return said


def test_facts_and_text_are_told_apart_in_any_language() -> None:
    reply = "Fakten:\n- Die Katze heißt Mia.\n* Treffen am Donnerstag\n\nSie sprachen über Katzen."
    assert read_minutes(reply) == Minutes(
        ("Die Katze heißt Mia.", "Treffen am Donnerstag"), "Sie sprachen über Katzen."
    )


def test_a_reply_without_a_list_is_all_text() -> None:
    assert read_minutes("They talked.") == Minutes((), "They talked.")


def test_thoughts_are_cut_out_and_half_a_thought_is_no_summary() -> None:
    assert read_minutes("<think>hm</think>They talked.") == Minutes((), "They talked.")
    for unusable in ("", "  ", "<think>hm", "hm</think> yes", "<tool_call>{}", "<|channel|>final"):
        assert read_minutes(unusable) is None


def test_facts_the_model_left_out_stay_while_there_is_room() -> None:
    assert merged(["Mia is a cat."], ["They meet."], room=100) == ("Mia is a cat.", "They meet.")
    assert merged(["Mia is a cat!"], ["mia is a cat"], room=100) == ("mia is a cat",)
    assert merged(["word " * 50], ["They meet."], room=20) == ("They meet.",)


@given(
    st.lists(st.text(max_size=60), max_size=20),
    st.lists(st.text(max_size=60), max_size=20),
    st.integers(0, 200),
)
def test_facts_never_take_more_than_their_room(old: list[str], new: list[str], room: int) -> None:
    assert sum(estimate(fact) + 2 for fact in merged(old, new, room=room)) <= room


def test_the_newest_turns_stay_as_they_were_said() -> None:
    said = turns(10)
    covered = older(said, room=300)
    assert covered == said[: len(covered)]
    assert 0 < len(covered) <= 18
    assert said[len(covered)].role == "user"


@given(st.lists(st.sampled_from(["user", "assistant"]), max_size=30), st.integers(0, 500))
def test_at_least_the_newest_turn_stays(roles: list[str], room: int) -> None:
    said = [Entry("user" if r == "user" else "assistant", "word " * 9) for r in roles]
    covered = older(said, room=room)
    assert not said or len(covered) < len(said) or "user" not in roles


def test_many_short_messages_are_due_as_well() -> None:
    assert not is_due(turns(3), room=1000)
    assert is_due(turns(30), room=1000)
    assert is_due(turns(DUE_ENTRIES, words=1), room=1_000_000)


def test_a_portion_is_whole_turns_and_its_transcript_fits() -> None:
    said = turns(40, words=60)
    shown = portion(said, room=1000)
    assert shown == said[: len(shown)]
    assert shown[-1].role == "assistant"
    assert estimate(transcript(None, shown, room=1000)) <= 1100


def test_a_message_longer_than_everything_is_shortened() -> None:
    said = turns(1, words=5000)
    shown = portion(said, room=600)
    assert shown == said
    assert estimate(transcript(None, shown, room=600)) <= 700


def test_a_checkpoint_counts_what_it_stands_for_once() -> None:
    said = turns(4)
    first = _after(None, said[:4])
    assert (first.number, first.upto, first.messages) == (1, 2, 4)
    second = _after(first, said)
    assert (second.number, second.upto, second.messages) == (2, 4, 8)
    assert Checkpoint.from_item(second.to_item()) == second


def _after(previous: Checkpoint | None, covered: list[Entry]) -> Checkpoint:
    return checkpoint_of(
        Minutes(("a",), "b"), previous, covered=covered, room=1000, at=1.0, model="m"
    )
