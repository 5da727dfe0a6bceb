"""Embeddings at the OpenAI-style door: numbers, or the base64 its client library asks for."""

import base64
import struct

import aiohttp
import pytest

from rehearsal import Rehearsal, Servers, parse_script

SCRIPT = """
default_reply = "Rehearsed."
[[models]]
name = "embedder"
server = "openai"
size_gb = 1
capabilities = ["embedding"]
dimensions = 32
"""


@pytest.fixture
def stage() -> Rehearsal:
    return Rehearsal(parse_script(SCRIPT, origin="test"), speed=100)


async def test_numbers_and_base64_say_the_same(
    servers: Servers, http: aiohttp.ClientSession
) -> None:
    url = f"{servers.openai_url}/v1/embeddings"
    asked = {"model": "embedder", "input": ["one text", "two"]}
    async with http.post(url, json=asked) as answer:
        plain = await answer.json()
    async with http.post(url, json={**asked, "encoding_format": "base64"}) as answer:
        packed = await answer.json()
    assert [row["index"] for row in plain["data"]] == [0, 1]
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert list(struct.unpack("<32f", raw)) == pytest.approx(plain["data"][0]["embedding"])
    assert plain["usage"]["prompt_tokens"] == 3


async def test_nothing_to_embed_is_refused(servers: Servers, http: aiohttp.ClientSession) -> None:
    url = f"{servers.openai_url}/v1/embeddings"
    for given in ("", [], [1], None):
        async with http.post(url, json={"model": "embedder", "input": given}) as answer:
            assert answer.status == 400
