"""Pictures through `/v1`, by the real `openai` client."""

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

PNG = b"\x89PNG\r\n\x1a\n" + b"the rest"
PICTURES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0 the rest",
    "image/gif": b"GIF89a the rest",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBP the rest",
}
SEER = "ministral-3:14b"


@pytest.fixture
async def ai(platform: Any) -> AsyncIterator[Any]:
    key = platform.token("anna")
    async with AsyncOpenAI(base_url=f"{platform.url}/v1", api_key=key, max_retries=0) as ai:
        yield ai


def picture(raw: bytes = PNG, media_type: str = "image/png") -> dict[str, Any]:
    url = f"data:{media_type};base64,{b64encode(raw).decode()}"
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


async def ask(ai: Any, *parts: dict[str, Any], model: str = SEER, role: str = "user") -> Any:
    content = [{"type": "text", "text": "What is this?"}, *parts]
    return await ai.chat.completions.create(
        model=model, messages=[{"role": role, "content": content}]
    )


def chats(platform: Any) -> list[Any]:
    return [one for one in platform.rehearsal.record.requests if one.path == "/api/chat"]


@pytest.mark.parametrize("media_type", PICTURES)
async def test_a_model_that_sees_gets_the_picture(platform: Any, ai: Any, media_type: str) -> None:
    answer = await ask(ai, picture(PICTURES[media_type], media_type), picture())
    assert "2 images came with it" in answer.choices[0].message.content
    said = chats(platform)[-1].messages[-1]
    assert (said["text"], said["images"]) == ("What is this?", 2)


async def test_auto_chooses_a_model_that_sees(ai: Any) -> None:
    assert (await ask(ai, picture(), model="auto")).model == SEER


async def test_a_model_that_cannot_see_says_so_and_is_not_asked(platform: Any, ai: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot see pictures"):
        await ask(ai, picture(), model="rnj-1:8b")
    assert chats(platform) == []


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}, "data: address"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,abc"}}, "data: address"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}, "not base64"),
        ({"type": "image_url"}, "missing"),
        (picture(b"<svg onload=alert(1)>", "image/png"), "holds none of"),
        (picture(b"", "image/png"), "holds none of"),
        ({"type": "input_audio"}, "cannot be read"),
    ],
)
async def test_what_is_no_picture_is_refused_by_name(
    platform: Any, ai: Any, part: dict[str, Any], why: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=why) as refused:
        await ask(ai, part)
    assert str(refused.value.param).startswith("messages.0.content.1")
    assert chats(platform) == []


async def test_a_picture_stands_in_messages_of_the_user(ai: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="messages of the user") as refused:
        await ask(ai, picture(), role="system")
    assert refused.value.code == "file.unsupported"
