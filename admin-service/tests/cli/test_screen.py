from io import StringIO

from admin.cli.screen import LiveScreen, PlainScreen
from shared.protocol import Done, Failed


def done(text: str) -> Done:
    return Done(ask_id="a", request_id="r", text=text, model="m:1b")


def test_a_file_gets_the_answer_alone_and_once() -> None:
    out, err = StringIO(), StringIO()
    screen = PlainScreen(out, err)
    screen.stage("thinking")
    screen.stage("thinking")
    screen.answer("half")
    screen.start_over(2)
    screen.answer("whole")
    screen.end(done("whole"))
    assert out.getvalue() == "whole\n"
    assert err.getvalue().splitlines()[:3] == ["thinking", "starting over, attempt 2", "m:1b"]


def test_a_failure_is_a_sentence_on_stderr() -> None:
    out, err = StringIO(), StringIO()
    PlainScreen(out, err).end(Failed(code="queue.full", message="Queue is full."))
    assert (out.getvalue(), err.getvalue()) == ("", "Queue is full.\n")


def test_json_is_the_end_frame() -> None:
    out = StringIO()
    PlainScreen(out, StringIO(), as_json=True).end(done("whole"))
    assert Done.model_validate_json(out.getvalue()) == done("whole")


def test_a_terminal_gets_each_piece_once() -> None:
    out = StringIO()
    with LiveScreen(out, StringIO()) as screen:
        for text in ("one ", "one two", "one two"):
            screen.answer(text)
        screen.end(done("one two three"))
    assert out.getvalue() == "one two three\n"


def test_text_told_again_from_the_start_is_not_shown_twice() -> None:
    out = StringIO()
    with LiveScreen(out, StringIO()) as screen:
        screen.answer("one two")
        screen.answer("one")
        screen.end(done("one two three"))
    assert out.getvalue() == "one two three\n"


def test_a_new_attempt_is_seen_to_start_over() -> None:
    out, err = StringIO(), StringIO()
    with LiveScreen(out, err) as screen:
        screen.answer("wrong")
        screen.start_over(2)
        screen.end(done("right"))
    assert out.getvalue() == "wrong\nright\n"
    assert "attempt 2" in err.getvalue()


def test_a_first_attempt_that_showed_nothing_needs_no_line() -> None:
    err = StringIO()
    with LiveScreen(StringIO(), err) as screen:
        screen.start_over(2)
    assert err.getvalue() == ""


def test_an_answer_that_differs_from_its_pieces_is_shown_whole() -> None:
    out = StringIO()
    with LiveScreen(out, StringIO()) as screen:
        screen.answer("pieces, one lost")
        screen.end(done("pieces, none lost"))
    assert out.getvalue() == "pieces, one lost\npieces, none lost\n"


def test_a_model_cannot_steer_the_terminal() -> None:
    out = StringIO()
    with LiveScreen(out, StringIO()) as screen:
        screen.end(done("\x1b[2Jgone"))
    assert out.getvalue() == "[2Jgone\n"


def test_what_turns_the_direction_of_text_stays_out_of_the_terminal() -> None:
    out, err = StringIO(), StringIO()
    reversing = "pay \u202egnp.exe\u202c \u2066x\u2069\x9b2J"
    with LiveScreen(out, err) as live:
        live.note(reversing)
        live.end(done(reversing))
    plain = PlainScreen(out, err)
    plain.note(reversing)
    plain.end(done(reversing))
    for text in (out.getvalue(), err.getvalue()):
        assert text.count("pay gnp.exe x2J") == 2


def test_json_keeps_what_it_must_not_show() -> None:
    out = StringIO()
    sent = done("\u202egnp.exe\x9b\x7f\n")
    PlainScreen(out, StringIO(), as_json=True).end(sent)
    assert out.getvalue().isascii()
    assert Done.model_validate_json(out.getvalue()) == sent


def test_a_note_in_the_middle_goes_on_a_line_of_its_own_and_nothing_is_told_twice() -> None:
    out = StringIO()
    with LiveScreen(out, StringIO()) as screen:
        screen.answer("one ")
        screen.note("a notice")
        screen.answer("one two")
        screen.end(done("one two three"))
    assert out.getvalue() == "one \ntwo three\n"
