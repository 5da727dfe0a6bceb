"""What arrives on stderr."""

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from shared import log


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_with_the_fields_of_the_contract(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("brain")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("x").info("vram.swap", model="ä", gb=1.5)
    [line] = _lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "service": "brain",
        "event": "vram.swap",
        "message": "vram.swap",
        "request_id": "r1",
        "model": "ä",
        "gb": 1.5,
    }


def test_a_promised_wording_is_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("brain")
    structlog.get_logger().warning("vram.evict", message="Evicting model x")
    [line] = _lines(capsys)
    assert (line["event"], line["message"]) == ("vram.evict", "Evicting model x")


def test_a_library_takes_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("brain")
    logging.getLogger("uvicorn.error").warning("port %d is taken", 80)
    [line] = _lines(capsys)
    assert (line["event"], line["message"], line["service"], line["level"]) == (
        "uvicorn.log", "port 80 is taken", "brain", "warning",
    )  # fmt: skip


def test_a_logger_made_before_configuration_obeys_it(capsys: pytest.CaptureFixture[str]) -> None:
    early = structlog.get_logger("early")
    log.configure("auth")
    early.info("user.registered")
    assert _lines(capsys)[0]["service"] == "auth"


def test_the_level_silences_what_is_below_also_in_libraries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("brain", level="WARNING")
    structlog.get_logger().info("a.b")
    logging.getLogger("other").info("quiet")
    logging.getLogger("httpx").warning("loud")
    assert [line["event"] for line in _lines(capsys)] == ["httpx.log"]


def test_what_libraries_log_of_the_wire_is_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("brain", level="DEBUG")
    structlog.get_logger().debug("a.b")
    logging.getLogger("uvicorn.error").debug("< authorization: Bearer abc")
    logging.getLogger("other").info("quiet")
    assert [line["event"] for line in _lines(capsys)] == ["a.b", "other.log"]


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize("terminal", [False, True])
def test_a_traceback_shows_where_but_no_values(
    monkeypatch: pytest.MonkeyPatch, library: bool, terminal: bool
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", written)
    log.configure("brain")
    password = "hunter" + "2" * 5
    try:
        raise ValueError("broken" + password[:0])
    except ValueError:
        if library:
            logging.getLogger("lib").exception("it failed")
        else:
            structlog.get_logger().exception("it.failed")
    text = written.getvalue()
    assert "ValueError" in text
    assert "test_a_traceback_shows_where_but_no_values" in text
    assert "hunter22222" not in text
    assert terminal or all("exception" in orjson.loads(line) for line in text.splitlines())


def test_a_terminal_gets_text_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(written, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", written)
    log.configure("brain")
    structlog.get_logger().info("vram.swap", model="m")
    assert "vram.swap" in written.getvalue()
    assert not written.getvalue().startswith("{")


@pytest.mark.parametrize(
    "fact",
    [
        2**70,
        "\ud800",
        {1: "x"},
        pytest.param(object(), id="an object"),
        b"\xff",
        {1, 2},
        float("nan"),
    ],
    ids=repr,
)
def test_no_fact_costs_the_line(capsys: pytest.CaptureFixture[str], fact: object) -> None:
    log.configure("brain")
    structlog.get_logger().info("odd.fact", fact=fact)
    assert "odd.fact" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("library", [False, True])
def test_what_is_shipped_is_json_also_where_a_terminal_gets_text(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, library: bool
) -> None:
    written, shipped = io.StringIO(), list[str]()
    monkeypatch.setattr(written, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", written)
    log.configure("brain", ship=shipped.append)
    if library:
        logging.getLogger("lib").warning("it is %d", 7)
    else:
        structlog.get_logger().warning("it.is", number=7)
    [line] = map(orjson.loads, shipped)
    assert (line["service"], line["level"]) == ("brain", "warning")
    assert line["message"] == ("it is 7" if library else "it.is")
    if terminal:
        assert not written.getvalue().startswith("{")
    else:
        assert written.getvalue() == shipped[0] + "\n"


def test_a_shipped_traceback_shows_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    written, shipped = io.StringIO(), list[str]()
    monkeypatch.setattr(written, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", written)
    log.configure("brain", ship=shipped.append)
    password = "hunter" + "2" * 5
    try:
        raise ValueError("broken" + password[:0])
    except ValueError:
        structlog.get_logger().exception("it.failed")
    [line] = map(orjson.loads, shipped)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert "hunter22222" not in shipped[0]


def test_half_a_surrogate_pair_is_still_a_record_for_others() -> None:
    shipped: list[str] = []
    log.configure("brain", ship=shipped.append)
    structlog.get_logger().info("odd.fact", fact="\ud800 ä", more=2**70)
    [line] = shipped
    assert orjson.loads(line.encode())["fact"] == "? ä"
