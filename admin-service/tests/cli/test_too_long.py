import sys

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from admin.cli.app import main
from admin.cli.asking import _is_too_big
from shared.protocol import MAX_TEXT_CHARS


def test_a_question_that_cannot_fit_is_refused_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trollama", "chat", "x" * (MAX_TEXT_CHARS + 1)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "This message is too long: at most 100,000 characters fit." in capsys.readouterr().err


def test_a_brain_that_closes_because_a_frame_is_too_big_is_not_asked_again() -> None:
    assert _is_too_big(ConnectionClosedError(Close(1009, "too big"), None))
    assert not _is_too_big(ConnectionClosedError(Close(1012, "restart"), None))
    assert not _is_too_big(ConnectionClosedError(None, None))
