"""Pictures: on their way to models that see, and never to others."""

from base64 import b64decode
from typing import Any

import pytest
from strands import tool

from brain.catalogue.models import ModelSpec
from brain.llm.dialect import Wish
from brain.llm.errors import CannotSee
from brain.llm.messages import Message, Prompt, Script, Turn
from brain.llm.ollama import OllamaDialect
from brain.llm.openai import OpenAIDialect

PNG = ("image/png", b"\x89PNG\r\n\x1a\n...")
JPEG = ("image/jpeg", b"\xff\xd8\xff...")
SEER = ModelSpec(name="seer", size_gb=1, vision=True)
SEERS = pytest.mark.parametrize("model", ["seer", "remote-seer"])


@tool
async def temperature(city: str) -> str:
    """The temperature in a city.

    Args:
        city: The city.
    """
    return f"4 degrees in {city}"


def shown(model: str, *images: tuple[str, bytes], text: str = "What is this?") -> Prompt:
    message = Message("user", text, images)
    return Prompt(model=model, system="Be brief.", messages=[message], tools=(temperature,))


@SEERS
async def test_a_model_that_sees_gets_every_picture(talk: Any, model: str) -> None:
    await talk.speaker.speak(shown(model, PNG, JPEG), hear=lambda _: None)
    assert [one["images"] for one in talk.requests()[-1].messages] == [0, 2]


@SEERS
async def test_a_picture_is_still_there_after_a_tool_was_called(talk: Any, model: str) -> None:
    await talk.speaker.speak(shown(model, PNG, text="how warm is it?"), hear=lambda _: None)
    assert [one["images"] for one in talk.requests()[-1].messages][:2] == [0, 1]
    assert talk.requests()[-1].messages[-1]["role"] == "tool"


@pytest.mark.parametrize("model", ["rnj-1:8b", "remote"])
async def test_a_model_that_cannot_see_never_gets_one(talk: Any, until: Any, model: str) -> None:
    with pytest.raises(CannotSee, match=model):
        await talk.speaker.speak(shown(model, PNG), hear=lambda _: None)
    script = Script(model=model, turns=[Turn("user", "What?", images=[PNG])])
    with pytest.raises(CannotSee):
        await anext(talk.speaker.complete(script))
    assert talk.requests() == []
    await until(lambda: talk.leases() == 0)


def bodies(*images: tuple[str, bytes], text: str = "What?") -> tuple[Any, Any]:
    """The last message as Ollama and as OpenAI-style servers get it."""
    turns, wish = [Turn("user", text, images=images)], Wish(spec=SEER)
    ollama = OllamaDialect().body(wish, turns, system=None, tools=())
    openai = OpenAIDialect().body(wish, turns, system=None, tools=())
    return ollama["messages"][0], openai["messages"][0]


def test_the_bytes_arrive_as_they_were() -> None:
    ollama, openai = bodies(JPEG, PNG)
    assert [b64decode(image) for image in ollama["images"]] == [JPEG[1], PNG[1]]
    text, *images = openai["content"]
    assert text == {"type": "text", "text": "What?"}
    for (media_type, raw), image in zip((JPEG, PNG), images, strict=True):
        head, _, data = image["image_url"]["url"].partition(",")
        assert (head, b64decode(data)) == (f"data:{media_type};base64", raw)


def test_text_alone_stays_a_string() -> None:
    ollama, openai = bodies()
    assert ollama == openai == {"role": "user", "content": "What?"}


def test_a_picture_needs_no_words() -> None:
    _, openai = bodies(PNG, text="")
    assert [part["type"] for part in openai["content"]] == ["image_url"]
