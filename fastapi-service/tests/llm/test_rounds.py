"""A model that never stops calling tools."""

import json
from typing import Any

import pytest
from strands import tool

from brain.llm.chat_model import MAX_ROUNDS, MAX_ROUNDS_MORE
from brain.llm.messages import Message, Prompt
from brain.vram.errors import BackendFailed


@tool
async def temperature(city: str) -> str:
    """The temperature in a city.

    Args:
        city: The city.
    """
    return f"4 degrees in {city}"


def calling_for_ever() -> list[bytes]:
    function = {"name": "temperature", "arguments": '{"city": "Oslo"}'}
    delta = {"tool_calls": [{"index": 0, "id": "call_1", "function": function}]}
    event = {"choices": [{"delta": delta, "finish_reason": "tool_calls"}]}
    return [f"data: {json.dumps(event)}\n".encode(), b"data: [DONE]\n"]


async def test_after_so_many_rounds_no_tools_are_offered_and_then_the_answer_has_failed(
    puppet: Any, puppet_talk: Any
) -> None:
    puppet.model = "remote"
    puppet.lines = calling_for_ever()
    async with puppet_talk(puppet) as talk:
        message = Message("user", "how warm is it?")
        prompt = Prompt(model="remote", system="", messages=[message], tools=(temperature,))
        with pytest.raises(BackendFailed, match="calls tools without an end"):
            await talk.speaker.speak(prompt, hear=lambda _: None)
    offered = ["tools" in body for body in puppet.bodies]
    assert offered == [True] * MAX_ROUNDS + [False] * MAX_ROUNDS_MORE
