"""The connection that comes back by itself, on a clock of the test and a socket that is none."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

SET_UP = """
async () => {
  const { Line } = await import("/socket.js");
  globalThis.sockets = [];
  globalThis.WebSocket = class {
    constructor(url, protocols) {
      Object.assign(this, { url, protocols, sent: [] });
      sockets.push(this);
    }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.closed = true; }
  };
  globalThis.answers = [];
  globalThis.fetch = async (url) => {
    const next = answers.shift();
    if (next === undefined || next === "unreachable") throw new TypeError(url);
    return { status: next };
  };
  globalThis.states = [];
  globalThis.frames = [];
  globalThis.line = new Line("ws://brain/ws/chat", {
    hello: () => ({ client_id: "c" }),
    frame: (frame) => frames.push(frame.type),
    state: (state) => states.push(state),
  });
  line.open("jwt");
}
"""
WELCOME = """
() => {
  const socket = sockets.at(-1);
  socket.onopen();
  socket.onmessage({ data: '{"type":"welcome","session_id":"s","resumed":false}' });
}
"""


@pytest.fixture
def page(chromium: Browser, serve_modules: Any) -> Iterator[Page]:
    page = chromium.new_page()
    page.route("http://modules.test/**", serve_modules)
    page.clock.install()
    page.goto("http://modules.test/")
    page.evaluate(SET_UP)
    yield page
    page.close()


def look(page: Page, expression: str) -> Any:
    return page.evaluate(f"() => {expression}")


def close(page: Page, code: int) -> None:
    page.evaluate("async (code) => { sockets.at(-1).onclose({ code }); }", code)
    look(page, "new Promise((done) => queueMicrotask(done))")


def pass_(page: Page, milliseconds: int) -> None:
    page.clock.run_for(milliseconds)


def test_the_token_is_a_subprotocol_and_never_in_the_address(page: Page) -> None:
    assert look(page, "sockets[0].protocols") == ["trollama.v1", "bearer.jwt"]
    assert look(page, "sockets[0].url") == "ws://brain/ws/chat"


def test_it_greets_and_hands_on_what_is_said(page: Page) -> None:
    page.evaluate(WELCOME)
    hello = {"type": "hello", "protocol": 1, "client_id": "c"}
    assert look(page, "sockets[0].sent") == [hello]
    assert look(page, "states") == ["connecting", "open"]
    look(page, """sockets[0].onmessage({ data: '{"type":"pong"}' })""")
    assert look(page, "frames") == ["welcome"]


def test_nothing_is_sent_before_the_welcome(page: Page) -> None:
    look(page, "sockets[0].onopen()")
    assert look(page, "line.send({ type: 'ask' })") is False


def test_a_silent_connection_is_asked_whether_it_is_there(page: Page) -> None:
    page.evaluate(WELCOME)
    pass_(page, 21_000)
    assert look(page, "sockets[0].sent.at(-1)") == {"type": "ping"}
    look(page, """sockets[0].onmessage({ data: '{"type":"pong"}' })""")
    pass_(page, 7_000)
    assert look(page, "states.at(-1)") == "open"


def test_one_that_does_not_answer_is_lost(page: Page) -> None:
    page.evaluate(WELCOME)
    pass_(page, 27_000)
    assert look(page, "states.at(-1)") in ("waiting", "connecting")
    assert look(page, "sockets[0].closed")
    pass_(page, 600)
    assert look(page, "sockets.length") == 2


def test_one_that_never_greets_back_is_lost(page: Page) -> None:
    look(page, "sockets[0].onopen()")
    pass_(page, 11_000)
    assert look(page, "sockets.length") == 2


def test_it_tries_again_with_growing_pauses(page: Page) -> None:
    pauses = []
    for _ in range(4):
        close(page, 1006)
        page.wait_for_function("() => states.at(-1) === 'waiting'")
        pauses.append(look(page, "line.retryAt - Date.now()"))
        pass_(page, int(pauses[-1]) + 20)
    assert pauses[0] <= 500
    assert pauses[3] > 1_500


def test_a_replaced_connection_waits_for_the_person(page: Page) -> None:
    page.evaluate(WELCOME)
    close(page, 4001)
    assert look(page, "states.at(-1)") == "replaced"
    pass_(page, 60_000)
    assert look(page, "sockets.length") == 1
    look(page, "line.now()")
    assert look(page, "sockets.length") == 2


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([401], "token"),
        (["unreachable", 0], "origin"),
        (["unreachable", "unreachable"], "waiting"),
        ([200], "waiting"),
    ],
)
def test_why_an_upgrade_was_refused_is_found_out(
    page: Page, answers: list[int | str], state: str
) -> None:
    page.evaluate("(those) => { answers.push(...those); }", answers)
    close(page, 1006)
    page.wait_for_function("() => states.at(-1) !== 'connecting'")
    assert look(page, "states.at(-1)") == state


def test_a_sign_in_that_ended_waits_for_another_token(page: Page) -> None:
    page.evaluate(WELCOME)
    close(page, 1008)
    assert look(page, "states.at(-1)") == "token"
    pass_(page, 60_000)
    assert look(page, "sockets.length") == 1
    look(page, "line.open('new')")
    assert look(page, "sockets[1].protocols[1]") == "bearer.new"


def test_back_online_it_does_not_wait(page: Page) -> None:
    page.evaluate(WELCOME)
    close(page, 1006)
    assert look(page, "states.at(-1)") == "waiting"
    look(page, "globalThis.dispatchEvent(new Event('online'))")
    assert look(page, "states.at(-1)") == "connecting"


def test_a_closed_line_stays_closed(page: Page) -> None:
    page.evaluate(WELCOME)
    look(page, "line.close()")
    pass_(page, 60_000)
    look(page, "globalThis.dispatchEvent(new Event('online'))")
    assert look(page, "sockets.length") == 1


@pytest.mark.parametrize(("token", "expiry"), [("a.eyJleHAiOjE3fQ.c", 17), ("nonsense", None)])
def test_when_a_token_expires_is_read_from_it(
    modules: Page, token: str, expiry: int | None
) -> None:
    read = """async (token) => (await import("/socket.js")).expiryOf(token)"""
    assert modules.evaluate(read, token) == expiry
