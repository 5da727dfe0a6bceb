"""Strands' messages as plain turns, which is what every chat protocol wants of them."""

from collections.abc import Iterable, Mapping

import orjson
from strands.types.content import ContentBlock, Messages

from brain.llm.messages import Call, Image, Result, Turn


def turns_of(messages: Messages) -> list[Turn | Result]:
    """The conversation in order; each result of a tool stands for itself."""
    turns: list[Turn | Result] = []
    names: dict[str, str] = {}
    for message in messages:
        calls = tuple(_calls(message["content"]))
        names.update((call.id, call.name) for call in calls)
        turns.extend(_results(message["content"], names))
        text = "".join(block["text"] for block in message["content"] if "text" in block)
        thinking = "".join(_thinking(block) for block in message["content"])
        images = tuple(_images(message["content"]))
        if text or calls or images:
            turns.append(Turn(message["role"], text, thinking, calls, images))
    return turns


def _calls(content: Iterable[ContentBlock]) -> Iterable[Call]:
    for block in content:
        if "toolUse" in block:
            use = block["toolUse"]
            yield Call(use["toolUseId"], use["name"], use["input"])


def _results(content: Iterable[ContentBlock], names: Mapping[str, str]) -> Iterable[Result]:
    for block in content:
        if "toolResult" in block:
            result = block["toolResult"]
            parts = (
                part["text"] if "text" in part else orjson.dumps(part.get("json")).decode()
                for part in result["content"]
            )
            call_id = result["toolUseId"]
            yield Result(call_id, names.get(call_id, ""), "\n".join(parts))


def _images(content: Iterable[ContentBlock]) -> Iterable[Image]:
    for block in content:
        if "image" in block:
            image = block["image"]
            yield f"image/{image['format']}", image["source"]["bytes"]


def _thinking(block: ContentBlock) -> str:
    return block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
