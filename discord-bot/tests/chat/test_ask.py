"""Who is answered, where, and under which id."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.ask import (
    Heard,
    QuestionId,
    Rules,
    cleaned,
    decide,
    parse_question_id,
    title_of,
    wants_cancel,
    with_quote,
)

IN_CHANNEL = Heard(
    where="channel", channel_id=1, guild_id=2, author_id=3, role_ids=frozenset({4}),
    is_self=False, is_bot=False, mentions_us=True, replies_to_us=False, our_thread=False,
    empty=False,
)  # fmt: skip
UNCALLED = replace(IN_CHANNEL, mentions_us=False)


def does(heard: Heard, rules: Rules | None = None) -> str:
    return decide(heard, rules or Rules()).does


def test_a_mention_in_a_channel_opens_a_thread() -> None:
    assert does(IN_CHANNEL) == "open_thread"


def test_mention_and_thread_are_two_settings() -> None:
    free, plain = Rules(talk_channels={1}), Rules(plain_channels={1})
    assert does(UNCALLED, free) == "open_thread"
    assert does(IN_CHANNEL, plain) == "answer"
    assert does(UNCALLED, plain) == "ignore"
    assert does(UNCALLED, Rules(talk_channels={1}, plain_channels={1})) == "answer"


def test_our_own_threads_need_no_mention_and_others_do() -> None:
    thread = replace(UNCALLED, where="thread")
    assert does(replace(thread, our_thread=True)) == "answer"
    assert does(thread) == "ignore"
    assert does(replace(thread, mentions_us=True)) == "answer"


def test_a_reply_to_us_is_for_us() -> None:
    assert does(replace(UNCALLED, replies_to_us=True)) == "open_thread"


def test_bots_are_heard_only_when_they_call_us_and_not_for_ever() -> None:
    bot = replace(IN_CHANNEL, is_bot=True)
    assert does(bot) == "open_thread"
    assert does(replace(bot, mentions_us=False, where="thread", our_thread=True)) == "ignore"
    assert does(replace(bot, bots_in_a_row=3)) == "ignore"


@pytest.mark.parametrize(
    "rules",
    [Rules(guilds={9}), Rules(channels={9}), Rules(roles={9}), Rules(users={9})],
)
def test_who_is_not_allowed_is_not_answered(rules: Rules) -> None:
    assert does(IN_CHANNEL, rules) == "ignore"


@pytest.mark.parametrize(
    "rules", [Rules(guilds={2}), Rules(channels={1}), Rules(roles={4, 9}), Rules(users={3})]
)
def test_who_is_allowed_is_answered(rules: Rules) -> None:
    assert does(IN_CHANNEL, rules) == "open_thread"


def test_a_direct_message_is_answered_whatever_channels_are_allowed() -> None:
    direct = replace(UNCALLED, where="dm", guild_id=None)
    assert does(direct, Rules(guilds={9}, channels={9})) == "answer"
    assert does(direct, Rules(users={9})) == "ignore"


@pytest.mark.parametrize(
    "text", ["cancel that request", "Please stop this answer!", "Cancel my request."]
)
def test_these_words_cancel(text: str) -> None:
    assert wants_cancel(text)


@pytest.mark.parametrize(
    "text", ["how do I cancel that request in git?", "cancel", "stop that bus"]
)
def test_these_words_ask(text: str) -> None:
    assert not wants_cancel(text)


@given(*[st.integers(0, 2**63)] * 4)
def test_an_id_says_where_its_question_is(channel: int, home: int, message: int, n: int) -> None:
    question = QuestionId(channel, home, message, n % 1000)
    assert parse_question_id(str(question)) == question
    assert len(f"again:{question}") <= 100


def test_other_ids_are_no_questions() -> None:
    for other in ("", "q-1-2-3", "q-1-2-3-x", "o-1-2", "q-1-2-3-4-5"):
        assert parse_question_id(other) is None


def test_mentions_become_names_and_ours_goes_away() -> None:
    assert cleaned("<@1> ask <@!2> and <@3>", 1, {2: "Ada"}) == "ask @Ada and <@3>"


def test_what_is_replied_to_stands_above_the_question() -> None:
    assert with_quote("Why?", "Ada", "one\ntwo") == "> Ada wrote:\n> one\n> two\n\nWhy?"
    assert with_quote("Why?", "Ada", "  ") == "Why?"


@given(st.text(max_size=500))
def test_a_title_is_one_discord_takes(text: str) -> None:
    title = title_of(text)
    assert 1 <= len(title) <= 100
    assert "\n" not in title
