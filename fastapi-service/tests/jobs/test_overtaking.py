"""Who may pass whom, as lists of names: capitals need a model that is in memory."""

from dataclasses import replace

from brain.jobs.job import Job
from brain.jobs.order import MAX_OVERTAKEN, Line, Place
from brain.jobs.overtaking import ranked, starts


def a_line(names: str) -> list[Place]:
    return [Place(_job(name, order)) for order, name in enumerate(names)]


def _job(name: str, order: int) -> Job:
    return Job(
        request_id=f"{name}{order}",
        ask_id=str(order),
        principal="service",
        client_id="c",
        user_id=name,
        user_name=name,
        conversation=f"{name}{order}",
        text="?",
        surface="discord",
        asked_at=0.0,
        order=order,
    )


def is_there(place: Place) -> bool:
    return place.job.user_id.isupper()


def served(ready: list[Place]) -> str:
    return "".join(start.place.job.user_id for start in starts(ready, is_there))


def test_those_whose_model_is_there_go_first_and_keep_their_order() -> None:
    assert served(a_line("aBcDe")) == "BDace"


def test_without_a_difference_the_order_is_that_of_the_line() -> None:
    assert served(a_line("abc")) == "abc"
    assert served(a_line("ABC")) == "ABC"


def test_who_was_passed_eight_times_is_passed_no_more() -> None:
    assert served(a_line("a" + "B" * 10)) == "B" * MAX_OVERTAKEN + "a" + "BB"


def test_nobody_passes_more_than_eight_at_once() -> None:
    assert served(a_line("a" * 10 + "B")) == "aa" + "B" + "a" * 8


def test_one_who_was_passed_by_fair_share_already_has_less_patience() -> None:
    ready = a_line("aBBB")
    ready[0].overtaken = MAX_OVERTAKEN - 1
    assert served(ready) == "BaBB"


def test_who_was_told_a_place_in_front_is_passed_less_often_when_its_model_leaves() -> None:
    line = Line()
    for place in a_line("a" * 5 + "B"):
        line.rejoin(place)
    told = [place.job.user_id for place in ranked(line, (), 0.0, is_there)]
    assert told == ["B", *"aaaaa"]
    assert list(line)[-1].patience == MAX_OVERTAKEN - 5


def test_a_start_names_those_it_passed() -> None:
    ready = a_line("abC")
    first = next(starts(ready, is_there))
    assert (first.place, list(first.passed)) == (ready[2], ready[:2])


def test_a_later_question_of_a_conversation_is_told_a_place_behind_the_earlier_one() -> None:
    line = Line()
    places = a_line("aaBBB")
    for place in places:
        line.rejoin(place)
    places[1].job = replace(places[1].job, conversation=places[0].job.conversation)
    places[1].overtaken = MAX_OVERTAKEN
    order = ranked(line, (), 0.0, is_there)
    assert order.index(places[0]) < order.index(places[1])
