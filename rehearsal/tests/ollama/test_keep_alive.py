"""Every form of keep_alive Ollama takes, and those it refuses."""

import pytest

from rehearsal.errors import BadRequest
from rehearsal.ollama.keep_alive import parse_keep_alive
from rehearsal.ollama.residents import FOREVER


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (0, 0.0),
        ("0", 0.0),
        ("0s", 0.0),
        (30, 30.0),
        (1.5, 1.5),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        ("+5s", 5.0),
        (-1, FOREVER),
        ("-1s", FOREVER),
        ("-1m", FOREVER),
    ],
)
def test_a_keep_alive_is_understood(given: object, seconds: float | None) -> None:
    assert parse_keep_alive(given) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("given", ["300", "-1", "", "soon", "10 m", "5x", "--1s", True, [1], {}])
def test_another_form_is_refused(given: object) -> None:
    with pytest.raises(BadRequest, match="time: "):
        parse_keep_alive(given)
