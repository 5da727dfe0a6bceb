"""A model that leaves memory while it is spoken with."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Literal

import anyio
import pytest
from pydantic import BaseModel

from brain.llm.messages import Leased, Message, Prompt, Script, Text, Turn
from brain.vram.errors import ModelLost
from rehearsal import Fault


class Route(BaseModel):
    """What is decided about."""

    route: Literal["math", "general"]


PROMPT = Prompt(model="rnj-1:8b", system="", messages=(Message("user", "hello"),))


async def test_a_silent_answer_is_broken_off_as_soon_as_its_model_is_lost(talk: Any) -> None:
    talk.fault(Fault(kind="hang", model="rnj-1:8b", after_tokens=2))
    heard: list[Any] = []

    def hear(piece: Any) -> None:
        heard.append(piece)

    async def lose() -> None:
        while not any(isinstance(piece, Text) for piece in heard):
            await anyio.sleep(0.005)
        heard[0].lease.loss.happen("it was killed")

    with anyio.fail_after(2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lose)
            with pytest.raises(ModelLost, match="it was killed"):
                await talk.speaker.speak(PROMPT, hear=hear)


async def test_a_model_that_was_lost_before_it_was_asked_is_not_asked(talk: Any) -> None:
    def hear(piece: Any) -> None:
        if isinstance(piece, Leased):
            piece.lease.loss.happen("it was killed")

    with pytest.raises(ModelLost):
        await talk.speaker.speak(PROMPT, hear=hear)
    assert talk.requests() == []


async def lose(talk: Any) -> None:
    """The model is killed once the server has the question, to which it says nothing more."""
    while not talk.requests():
        await anyio.sleep(0.005)
    (lease,) = talk.vram._owner._held.values()
    lease.loss.happen("it was killed")


async def completed(talk: Any) -> None:
    script = Script(model="rnj-1:8b", turns=(Turn("user", "hello"),))
    async with aclosing(talk.speaker.complete(script)) as pieces:
        async for _ in pieces:
            pass


async def decided(talk: Any) -> None:
    await talk.speaker.decide("rnj-1:8b", "Choose.", "2 + 2", Route)


@pytest.mark.parametrize(
    ("ask", "after_tokens"), [(completed, 0), (completed, 2), (decided, 0), (decided, 2)]
)
async def test_whatever_was_asked_of_it_is_broken_off(
    talk: Any, ask: Callable[[Any], Awaitable[None]], after_tokens: int
) -> None:
    talk.fault(Fault(kind="hang", model="rnj-1:8b", after_tokens=after_tokens))
    with anyio.fail_after(2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lose, talk)
            with pytest.raises(ModelLost, match="it was killed"):
                await ask(talk)


async def test_what_stands_before_the_answer_is_awaited_before_the_model_is_asked(
    talk: Any,
) -> None:
    asked: list[int] = []

    async def begin() -> None:
        await anyio.sleep(0.05)
        asked.append(len(talk.requests()))

    await talk.speaker.speak(PROMPT, hear=lambda _: None, begin=begin)
    assert asked == [0]
    assert len(talk.requests()) == 1
