from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from admin.cli.asking import Asking
from admin.cli.door import Door
from admin.cli.errors import AwayTooLong, NotRunning, UpgradeRefused
from shared.clock import SystemClock
from shared.protocol import (
    Ask,
    Cancel,
    Delta,
    Done,
    End,
    Failed,
    Queued,
    Status,
    Thinking,
)

TOKEN = "good-token"
BrainFor = Callable[..., AbstractAsyncContextManager[Any]]


class Recorder:
    """A screen that remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.thoughts: list[str] = []
        self.answers: list[str] = []
        self.attempts: list[int] = []
        self.ends: list[End] = []
        self.changed = anyio.Event()

    def note(self, line: str) -> None:
        self.notes.append(line)

    def stage(self, words: str) -> None:
        self.stages.append(words)
        self.changed.set()

    def thinking(self, text: str) -> None:
        self.thoughts.append(text)

    def answer(self, text: str) -> None:
        self.answers.append(text)

    def start_over(self, attempt: int) -> None:
        self.attempts.append(attempt)

    def end(self, end: End) -> None:
        self.ends.append(end)


class Tokens:
    """A first token and what comes after a refusal."""

    def __init__(self, first: str = TOKEN, then: str = TOKEN) -> None:
        self._first = first
        self._then = then

    async def token(self) -> str:
        return self._first

    async def renew(self, refused: str) -> str:
        self._first = self._then
        return self._then


class Hasty(SystemClock):
    """Does not sleep, and every look at it is a minute later."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 60
        return self._now

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


def asking(address: str, screen: Recorder, **changes: Any) -> Asking:
    ask = Ask(ask_id="ask-1", conversation_id="c", text="Solve it")
    door = Door(address, changes.get("tokens", Tokens()))
    return Asking(door, ask, screen=screen, clock=changes.get("clock", SystemClock()))


async def test_stages_text_and_end_are_shown_and_acknowledged(brain_for: BrainFor) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        assert ask.text == "Solve it"
        await talk.send(
            Queued(ask_id="ask-1", request_id="request-1", position=3),
            Status(ask_id="ask-1", stage="loading_model", model="m:1b", eta_seconds=7.6),
            Thinking(ask_id="ask-1", text="hm"),
        )
        await talk.answer(ask, "x = 2")

    screen = Recorder()
    async with brain_for(script) as brain:
        end = await asking(brain.address, screen).run()
    assert isinstance(end, Done)
    assert screen.stages == ["next in the queue", "3rd in the queue", "loading m:1b, about 8 s"]
    assert screen.answers == ["x ", "x = 2"]
    assert screen.thoughts == ["hm"]
    assert screen.ends == [end]
    assert screen.attempts == []


async def test_a_refused_token_is_replaced_once(brain_for: BrainFor) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.answer(await talk.queue(), "yes")

    async with brain_for(script) as brain:
        await asking(brain.address, Recorder(), tokens=Tokens("old")).run()
        assert brain.tokens == ["Bearer old", f"Bearer {TOKEN}"]
        with pytest.raises(UpgradeRefused):
            await asking(brain.address, Recorder(), tokens=Tokens("old", "older")).run()


async def test_a_dropped_connection_is_resumed_behind_the_last_frame(brain_for: BrainFor) -> None:
    async def first(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        await talk.send(Delta(ask_id="ask-1", attempt=1, text="one "))
        talk.drop()

    async def second(talk: Any) -> None:
        hello = await talk.greet(resumed=True)
        assert hello.session_id == talk.session_id
        assert hello.after == 2
        await talk.send(Delta(ask_id="ask-1", attempt=1, text="two"))
        await talk.finish(Done(ask_id="ask-1", request_id="request-1", text="one two"))

    screen = Recorder()
    async with brain_for(first, second) as brain:
        await asking(brain.address, screen).run()
    assert screen.answers == ["one ", "one two"]
    assert screen.attempts == []


async def test_after_a_restart_the_ask_is_sent_again_and_starts_over(brain_for: BrainFor) -> None:
    sent: list[str] = []

    async def first(talk: Any) -> None:
        await talk.greet()
        sent.append((await talk.queue()).ask_id)
        await talk.send(Delta(ask_id="ask-1", attempt=1, text="half an ans"))
        talk.drop()

    async def second(talk: Any) -> None:
        await talk.greet(resumed=False)
        ask = await talk.queue()
        sent.append(ask.ask_id)
        await talk.send(Status(ask_id="ask-1", stage="generating", attempt=2))
        await talk.answer(ask, "another", attempt=2)

    screen = Recorder()
    async with brain_for(first, second) as brain:
        end = await asking(brain.address, screen).run()
    assert sent == ["ask-1", "ask-1"]
    assert screen.attempts == [2]
    assert screen.answers[-1] == "another"
    assert isinstance(end, Done)
    assert end.text == "another"


async def test_text_told_again_in_a_new_session_is_not_doubled(brain_for: BrainFor) -> None:
    async def first(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        await talk.send(Delta(ask_id="ask-1", attempt=1, text="one "))
        talk.drop()

    async def second(talk: Any) -> None:
        await talk.greet(resumed=False)
        await talk.send(Delta(ask_id="ask-1", attempt=1, text="one two"))
        await talk.queue()
        await talk.finish(Done(ask_id="ask-1", request_id="request-1", text="one two"))

    screen = Recorder()
    async with brain_for(first, second) as brain:
        await asking(brain.address, screen).run()
    assert screen.answers == ["one ", "one two"]
    assert screen.attempts == []


async def test_a_late_frame_of_an_earlier_attempt_does_not_count(brain_for: BrainFor) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        await talk.send(
            Status(ask_id="ask-1", stage="generating", attempt=2),
            Delta(ask_id="ask-1", attempt=1, text="stale"),
        )
        await talk.answer(ask, "good", attempt=2)

    screen = Recorder()
    async with brain_for(script) as brain:
        await asking(brain.address, screen).run()
    assert screen.answers == ["go", "good"]


async def test_frames_of_other_asks_and_of_newer_brains_are_left_alone(
    brain_for: BrainFor,
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        await talk.send_raw('{"seq": 2, "type": "confetti", "ask_id": "ask-1"}')
        talk.seq = 2
        await talk.send(
            Delta(ask_id="other", attempt=1, text="not yours"),
            Done(ask_id="other", request_id="r", text="not yours"),
        )
        await talk.answer(ask, "mine")

    screen = Recorder()
    async with brain_for(script) as brain:
        end = await asking(brain.address, screen).run()
    assert screen.answers == ["mi", "mine"]
    assert screen.ends == [end]


async def test_cancel_is_sent_and_its_end_awaited(brain_for: BrainFor) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        assert (await talk.expect(Cancel)).ask_id == "ask-1"
        await talk.finish(Failed(ask_id="ask-1", code="chat.cancelled", message="Cancelled."))

    screen = Recorder()
    async with brain_for(script) as brain:
        one = asking(brain.address, screen)
        async with anyio.create_task_group() as group:
            group.start_soon(one.run)
            await screen.changed.wait()
            await one.cancel()
    assert [end.type for end in screen.ends] == ["failed"]
    assert one.request_id == "request-1"


async def test_a_cancel_while_away_follows_the_next_welcome(brain_for: BrainFor) -> None:
    away = anyio.Event()

    async def first(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        talk.drop()
        away.set()

    async def second(talk: Any) -> None:
        await talk.greet(resumed=True)
        await talk.expect(Cancel)
        await talk.finish(Failed(ask_id="ask-1", code="chat.cancelled", message="Cancelled."))

    screen = Recorder()
    async with brain_for(first, second) as brain:
        one = asking(brain.address, screen)
        async with anyio.create_task_group() as group:
            group.start_soon(one.run)
            await away.wait()
            await one.cancel()
    assert len(screen.ends) == 1


async def test_nobody_there_is_said_at_once(free_address: str) -> None:
    with pytest.raises(NotRunning, match=r"start it with \./start\.sh"):
        await asking(free_address, Recorder()).run()


async def test_a_brain_that_stays_away_is_not_waited_for_for_ever(brain_for: BrainFor) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        talk.drop()

    async def gone(talk: Any) -> None:
        talk.drop()

    screen = Recorder()
    async with brain_for(script, gone) as brain:
        one = asking(brain.address, screen, clock=Hasty())
        with anyio.fail_after(20):
            with pytest.raises(AwayTooLong):
                await one.run()
    assert "connection lost, waiting for the brain" in screen.stages
