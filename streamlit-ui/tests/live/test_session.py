"""What the tab knows of its asks: numbers, attempts, gaps, resumes, what is kept over a reload."""

from typing import Any

import pytest
from playwright.sync_api import Page

SCRIPT = """
async (steps) => {
  const { Session } = await import("/session.js");
  const kept = new Map();
  const storage = { getItem: (n) => kept.get(n) ?? null, setItem: (n, t) => kept.set(n, t) };
  let online = true;
  let sent = [], notices = [], changes = [];
  const make = () => new Session({
    storage, name: "s",
    send: (frame) => (online ? Boolean(sent.push(frame)) : false),
    heard: (ask, change) => changes.push(`${ask.id} ${change}`),
    notice: (text) => notices.push(text),
  });
  let session = make();
  const results = [];
  for (const [what, value] of steps) {
    if (what === "frame") session.receive(value);
    else if (what === "ask") session.ask({ conversation_id: "c", text: "?", ...value });
    else if (what === "stop") session.stop(session.asks.get(value));
    else if (what === "again") session.again(session.asks.get(value));
    else if (what === "drawn") session.drawn(value);
    else if (what === "offline") { online = false; session.lost(); }
    else if (what === "online") online = true;
    else if (what === "save") session.save();
    else if (what === "reload") { session.save(); session = make(); }
    else if (what === "look") {
      results.push({
        asks: [...session.asks.values()].map((ask) => ({ ...ask })),
        sent, notices, changes, ended: session.ended, hello: session.hello(), seq: session.seq,
      });
      sent = []; changes = [];
    }
  }
  return results;
}
"""
WELCOME = ("frame", {"type": "welcome", "session_id": "s1", "protocol": 1, "resumed": False})
RESUMED = ("frame", {"type": "welcome", "session_id": "s1", "protocol": 1, "resumed": True})
NEW = ("frame", {"type": "welcome", "session_id": "s2", "protocol": 1, "resumed": False})
ASK = ("ask", {"ask_id": "a"})
LOOK = ("look", None)
Step = tuple[str, Any]


def frame(type_: str, seq: int, **fields: Any) -> Step:
    return "frame", {"type": type_, "seq": seq, "ask_id": "a", **fields}


def piece(seq: int, text: str, attempt: int = 1) -> Step:
    return frame("delta", seq, text=text, attempt=attempt)


QUEUED = frame("queued", 1, request_id="r", position=1, maintenance=False)


def played(page: Page, *steps: Step) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(SCRIPT, [list(step) for step in steps])
    return found


def answer_after(page: Page, *steps: Step) -> str:
    return str(played(page, WELCOME, ASK, *steps, LOOK)[0]["asks"][0]["answer"])


def test_pieces_add_up(modules: Page) -> None:
    assert answer_after(modules, QUEUED, piece(2, "one "), piece(3, "two")) == "one two"


def test_a_question_is_asked_once_however_often_it_comes(modules: Page) -> None:
    [found] = played(modules, WELCOME, ASK, ASK, ("reload", None), ASK, LOOK)
    assert [one["type"] for one in found["sent"]] == ["ask"]


def test_a_frame_that_came_before_is_ignored(modules: Page) -> None:
    assert answer_after(modules, QUEUED, piece(2, "x"), piece(2, "x"), piece(1, "y")) == "x"


def test_a_gap_is_shown_where_it_is(modules: Page) -> None:
    assert answer_after(modules, QUEUED, piece(2, "one"), piece(5, "four")) == "one […] four"


def test_a_gap_before_the_first_piece_hides_nothing(modules: Page) -> None:
    assert answer_after(modules, QUEUED, piece(5, "all")) == "all"


def test_the_end_has_the_whole_answer_whatever_was_missing(modules: Page) -> None:
    end = frame("done", 9, text="one two three four", attempt=1)
    assert answer_after(modules, QUEUED, piece(2, "one"), piece(5, "x"), end) == end[1]["text"]


@pytest.mark.parametrize("kind", ["delta", "thinking", "status", "done"])
def test_a_higher_attempt_discards_what_was_shown(modules: Page, kind: str) -> None:
    more = {"text": "new"} if kind != "status" else {"stage": "routing"}
    after = answer_after(modules, QUEUED, piece(2, "old"), frame(kind, 3, attempt=2, **more))
    assert "old" not in after
    late = answer_after(modules, QUEUED, piece(2, "new", 2), piece(3, "old", 1))
    assert late == "new"


def test_what_is_acknowledged_was_saved_before(modules: Page) -> None:
    steps = [QUEUED, piece(2, "kept"), ("save", None), LOOK, ("reload", None), LOOK]
    before, after = played(modules, WELCOME, ASK, *steps)
    assert before["sent"][-1] == {"type": "ack", "seq": 2}
    assert after["asks"][0]["answer"] == "kept"
    assert after["hello"]["after"] == 2
    assert after["hello"]["session_id"] == "s1"
    assert after["hello"]["client_id"] == before["hello"]["client_id"]


def test_after_a_resume_it_goes_on_without_asking_again(modules: Page) -> None:
    cut = [("offline", None), ("online", None), LOOK, RESUMED, piece(3, "b"), LOOK]
    _, found = played(modules, WELCOME, ASK, QUEUED, piece(2, "a"), *cut)
    assert found["asks"][0]["answer"] == "ab"
    assert "ask" not in [one["type"] for one in found["sent"]]


def test_an_ask_that_never_arrived_is_sent_again_on_a_resume(modules: Page) -> None:
    steps = [WELCOME, ("offline", None), ASK, LOOK, ("online", None), RESUMED, LOOK]
    lost, found = played(modules, *steps)
    assert lost["sent"] == []
    assert [one["type"] for one in found["sent"]] == ["ask"]


def test_after_a_restart_of_the_brain_what_it_says_replaces_what_was_shown(modules: Page) -> None:
    steps = [QUEUED, piece(2, "old"), ("offline", None), ("online", None), LOOK, NEW, LOOK]
    again = [frame("queued", 1, position=1), piece(2, "whole so far"), piece(3, ", more"), LOOK]
    _, greeted, found = played(modules, WELCOME, ASK, *steps, *again)
    assert [one["type"] for one in greeted["sent"]] == ["ask"]
    assert greeted["asks"][0]["answer"] == "old"  # until there is something better
    assert found["asks"][0]["answer"] == "whole so far, more"
    assert found["seq"] == 3


def test_stop_is_said_again_after_a_lost_connection(modules: Page) -> None:
    steps = [QUEUED, ("offline", None), ("stop", "a"), LOOK, ("online", None), RESUMED, LOOK]
    _, found = played(modules, WELCOME, ASK, *steps)
    assert {"type": "cancel", "ask_id": "a"} in found["sent"]


def test_stop_is_sent_once(modules: Page) -> None:
    [found] = played(modules, WELCOME, ASK, QUEUED, ("stop", "a"), ("stop", "a"), LOOK)
    assert [one["type"] for one in found["sent"]].count("cancel") == 1


def test_an_ask_ends_once(modules: Page) -> None:
    ends = [frame("done", 2, text="x", attempt=1), frame("failed", 3, code="internal", message="!")]
    [found] = played(modules, WELCOME, ASK, QUEUED, *ends, LOOK)
    assert found["ended"] == ["a"]
    assert "failure" not in found["asks"][0]


def test_what_the_page_has_drawn_is_forgotten_and_a_failure_stays(modules: Page) -> None:
    second = ("ask", {"ask_id": "b", "conversation_id": "d"})
    ends = [
        frame("done", 2, text="x", attempt=1),
        frame("failed", 3, ask_id="b", code="internal", message="!", retryable=True),
    ]
    [found] = played(modules, WELCOME, ASK, second, QUEUED, *ends, ("drawn", ["a", "b"]), LOOK)
    assert [one["id"] for one in found["asks"]] == ["b"]
    assert found["ended"] == []


def test_trying_again_is_a_new_ask_and_takes_the_place_of_the_failed_one(modules: Page) -> None:
    failed = frame("failed", 2, code="backend.failed", message="!", retryable=True)
    [found] = played(modules, WELCOME, ASK, QUEUED, failed, ("again", "a"), LOOK)
    first, second = [one for one in found["sent"] if one["type"] == "ask"]
    assert second["text"] == first["text"]
    assert second["ask_id"] != first["ask_id"]
    assert len(found["asks"]) == 1


def test_a_refusal_without_an_ask_is_a_notice(modules: Page) -> None:
    refusal = {"type": "failed", "seq": 1, "ask_id": None, "code": "x", "message": "Refused."}
    [found] = played(modules, ("frame", refusal), LOOK)
    assert found["notices"] == ["Refused."]
    assert found["seq"] == 0  # numbered by itself before the first welcome


def test_a_storage_that_is_full_ends_nothing(modules: Page) -> None:
    full = """
    async () => {
      const { Session } = await import("/session.js");
      const storage = { getItem: () => "{not json", setItem: () => { throw new Error("full"); } };
      const sent = [];
      const session = new Session({
        storage, name: "s", send: (f) => sent.push(f), heard: () => {}, notice: () => {},
      });
      session.receive({ type: "welcome", session_id: "s", resumed: false });
      session.ask({ ask_id: "a", conversation_id: "c", text: "?" });
      return sent.map((one) => one.type);
    }
    """
    assert modules.evaluate(full) == ["ask"]


def test_pauses_grow_and_have_a_bound(modules: Page) -> None:
    found = modules.evaluate(
        """async () => {
          const { pauseAfter } = await import("/socket.js");
          return [0, 1, 2, 3, 10, 99].map((tries) => [pauseAfter(tries, 0), pauseAfter(tries, 1)]);
        }"""
    )
    assert found[0] == [250, 500]
    assert found[1] == [500, 1000]
    assert found[-1] == [7_500, 15_000]


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        ({}, "Sending…"),
        ({"queued": True, "position": 1}, "Waiting: yours is next."),
        ({"queued": True, "position": 4}, "Waiting: number 4 in the queue."),
        (
            {"stage": "loading_model", "model": "gpt-oss:20b", "etaSeconds": 8.2},
            "Loading gpt-oss:20b, about 8 s…",
        ),
        (
            {"stage": "loading_model", "model": "tiny", "etaSeconds": 0.2},
            "Loading tiny, about 1 s…",
        ),
        ({"stage": "searching"}, "Searching the web…"),
        ({"stage": "searching", "detail": "sky colour"}, "Searching the web: sky colour…"),
        ({"stage": "reading_page", "detail": "https://a.b"}, "Reading https://a.b…"),
        ({"stage": "reading_files", "detail": "notes.pdf"}, "Reading notes.pdf…"),
        ({"stage": "reading_files", "detail": "Analyzing two files…"}, "Analyzing two files…"),
        ({"stage": "something_new"}, "Working…"),
        ({"stage": "generating", "stopping": True}, "Stopping…"),
    ],
)
def test_where_an_ask_is_reads_as_a_sentence(modules: Page, ask: Any, line: str) -> None:
    say = """async (ask) => (await import("/wording.js")).lineOf(ask)"""
    assert modules.evaluate(say, ask) == line
