import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.context.conversation import Entry
from brain.context.errors import TooLong
from brain.context.window import estimate_tokens, fit
from brain.llm.messages import Message

entries = st.lists(
    st.builds(Entry, st.sampled_from(["user", "assistant"]), st.text(max_size=200)), max_size=30
)


def window(
    said: list[Entry], *, question: str = "?", tokens: int = 1000, named: bool = False
) -> list[Message]:
    return fit(
        system="You are kind.",
        entries=said,
        question=Entry("user", question, "Anna"),
        context_tokens=tokens,
        name_speakers=named,
    )


def test_everything_that_fits_is_there_in_order() -> None:
    said = [Entry("user", "one", "Bert"), Entry("assistant", "two")]
    assert [message.text for message in window(said)] == ["one", "two", "?"]


def test_the_oldest_turns_are_left_out_first_and_whole() -> None:
    said = [Entry("user", "a" * 600), Entry("assistant", "b" * 600)] * 3
    kept = window(said, tokens=1100)
    assert [message.role for message in kept] == ["user", "assistant", "user"]


def test_people_keep_their_names_where_there_are_several() -> None:
    said = [Entry("user", "hi", "Bert"), Entry("assistant", "hello")]
    assert [m.text for m in window(said, named=True)] == ["Bert: hi", "hello", "Anna: ?"]


def test_a_question_that_does_not_fit_is_refused() -> None:
    with pytest.raises(TooLong, match="too long"):
        window([], question="x" * 9000)


@given(entries, st.integers(min_value=300, max_value=4000))
def test_what_is_kept_fits_and_ends_with_the_question(said: list[Entry], tokens: int) -> None:
    kept = window(said, tokens=tokens)
    assert kept[-1].text == "?"
    assert kept[0].role == "user"
    assert sum(estimate_tokens(message.text) for message in kept) <= tokens
