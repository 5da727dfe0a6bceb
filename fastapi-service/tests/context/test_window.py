import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.context.checkpoint import Checkpoint
from brain.context.conversation import Entry
from brain.context.errors import TooLong
from brain.context.window import Fitted, fit, room_for_prompt
from brain.llm.tokens import estimate_message
from brain.vram.pressure import Level

entries = st.lists(
    st.builds(Entry, st.sampled_from(["user", "assistant"]), st.text(max_size=200)), max_size=30
)
checkpoints = st.none() | st.builds(
    Checkpoint,
    number=st.just(1),
    upto=st.just(7),
    facts=st.lists(st.text(max_size=80), max_size=20).map(tuple),
    text=st.text(max_size=2000),
    messages=st.just(14),
    at=st.just(0.0),
    model=st.just("m"),
)


def window(
    said: list[Entry],
    *,
    question: str = "?",
    tokens: int = 1000,
    named: bool = False,
    checkpoint: Checkpoint | None = None,
    ratio: float = 1.0,
    level: Level = Level.CALM,
) -> Fitted:
    return fit(
        system="You are kind.",
        entries=said,
        question=Entry("user", question, "Anna"),
        context_tokens=tokens,
        name_speakers=named,
        checkpoint=checkpoint,
        ratio=ratio,
        level=level,
    )


def minutes(*facts: str, text: str = "They talked.") -> Checkpoint:
    return Checkpoint(number=1, upto=7, facts=facts, text=text, messages=14, at=0.0, model="m")


def texts(fitted: Fitted) -> list[str]:
    return [message.text for message in fitted.messages]


def test_everything_that_fits_is_there_in_order() -> None:
    said = [Entry("user", "one", "Bert"), Entry("assistant", "two")]
    assert texts(window(said)) == ["one", "two", "?"]


def test_the_oldest_turns_are_left_out_first_and_whole() -> None:
    said = [Entry("user", "word " * 100), Entry("assistant", "more " * 100)] * 3
    kept = window(said, tokens=500)
    assert [message.role for message in kept.messages] == ["user", "assistant", "user"]


def test_a_turn_is_never_split() -> None:
    said = [Entry("user", "word " * 600), Entry("assistant", "short")]
    assert texts(window(said, tokens=500)) == ["?"]


def test_people_keep_their_names_where_there_are_several() -> None:
    said = [Entry("user", "hi", "Bert"), Entry("assistant", "hello")]
    assert texts(window(said, named=True)) == ["Bert: hi", "hello", "Anna: ?"]


def test_a_question_that_does_not_fit_is_refused_with_the_numbers_of_its_model() -> None:
    with pytest.raises(TooLong, match="too long") as refused:
        window([], question="word " * 600, ratio=1.5)
    assert refused.value.length >= 900
    assert refused.value.limit < 750


def test_a_model_that_counts_more_gets_fewer_turns() -> None:
    said = [Entry("user", "word " * 40), Entry("assistant", "more " * 40)] * 10
    assert len(window(said, ratio=2.0).messages) < len(window(said).messages)


def test_the_system_prompt_stays_in_front_of_the_minutes() -> None:
    fitted = window([], checkpoint=minutes("The cat is called Mia."))
    assert fitted.system.startswith("You are kind.\n\n")
    assert "- The cat is called Mia." in fitted.system
    assert "They talked." in fitted.system
    assert "14 messages" in fitted.system


def test_where_room_is_short_the_facts_stay_and_the_summary_goes() -> None:
    fitted = window([], tokens=300, checkpoint=minutes("Mia is a cat.", text="word " * 900))
    assert "Mia is a cat." in fitted.system
    assert "word word" not in fitted.system


@given(entries, checkpoints, st.integers(300, 4000), st.floats(0.7, 2.0))
def test_what_is_kept_fits_and_ends_with_the_question(
    said: list[Entry], checkpoint: Checkpoint | None, tokens: int, ratio: float
) -> None:
    fitted = window(said, tokens=tokens, checkpoint=checkpoint, ratio=ratio)
    assert fitted.messages[-1].text == "?"
    assert fitted.messages[0].role == "user"
    assert fitted.system.startswith("You are kind.")
    size = estimate_message(fitted.system)
    size += sum(estimate_message(message.text) for message in fitted.messages)
    assert abs(size - fitted.estimated) <= 2
    assert size * ratio <= room_for_prompt(tokens) + 2 * ratio


def test_the_shorter_memory_is_the_less_of_the_conversation_is_shown() -> None:
    said = [Entry("user", "word " * 30), Entry("assistant", "more " * 30)] * 20
    calm, warn, crit = (window(said, tokens=2000, level=level) for level in Level)
    assert len(calm.messages) > len(warn.messages) > len(crit.messages) > 1
    assert calm.estimated > warn.estimated > crit.estimated
    assert [fitted.shortened for fitted in (calm, warn, crit)] == [False, True, True]


def test_the_minutes_too_take_less_when_memory_is_short() -> None:
    many = minutes(*(f"Fact {n} is this one." for n in range(50)), text="long " * 200)
    calm, crit = (window([], checkpoint=many, level=level) for level in (Level.CALM, Level.CRIT))
    assert len(crit.system) < len(calm.system)
    assert crit.shortened


def test_a_short_conversation_is_shown_whole_although_memory_is_short() -> None:
    said = [Entry("user", "one"), Entry("assistant", "two")]
    fitted = window(said, level=Level.CRIT)
    assert texts(fitted) == ["one", "two", "?"]
    assert not fitted.shortened


@given(entries, checkpoints)
def test_a_question_that_fits_is_never_refused_because_memory_is_short(
    said: list[Entry], checkpoint: Checkpoint | None
) -> None:
    fitted = window(said, question="word " * 120, tokens=200, checkpoint=checkpoint)
    under = window(
        said, question="word " * 120, tokens=200, checkpoint=checkpoint, level=Level.CRIT
    )
    assert under.messages[-1] == fitted.messages[-1]
    assert under.estimated <= fitted.estimated
