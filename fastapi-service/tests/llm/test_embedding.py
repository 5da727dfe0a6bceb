"""Vectors from models that are guests in memory."""

from typing import Any

import anyio
import pytest

from brain.catalogue.models import ModelSpec
from brain.llm import embedding
from brain.llm.embedding import Embedder
from brain.llm.vectors import question, vectors_of
from brain.vram.errors import BackendFailed, ModelUnavailable
from brain.vram.orchestrator import Lease, Server
from rehearsal import Fault

MODEL = "qwen3-embedding:4b"
BOTH = pytest.mark.parametrize("model", [MODEL, "remote-embedding"])


def embedder(talk: Any, model: str = MODEL) -> Embedder:
    return Embedder(talk.speaker, talk.vram, model=model)


@BOTH
async def test_each_text_gets_its_own_vector(talk: Any, model: str) -> None:
    one, other, again = await embedder(talk, model)(["a lighthouse", "a windmill", "a lighthouse"])
    assert list(one) == list(again) != list(other)
    assert len(one) == len(other) > 10


async def test_it_is_loaded_beside_others_but_never_in_their_place(talk: Any, until: Any) -> None:
    await talk.ask("rnj-1:8b", "hello")
    await embedder(talk)(["a lighthouse"])
    assert {one.name for one in talk.vram.status().loaded} == {"rnj-1:8b", MODEL}
    await talk.ask("gpt-oss:20b", "hello")
    await until(lambda: talk.leases() == 0)
    assert {one.name for one in talk.vram.status().loaded} == {"gpt-oss:20b"}
    with pytest.raises(BackendFailed, match="no room for it beside the others"):
        await embedder(talk)(["a lighthouse"])
    assert {one.name for one in talk.vram.status().loaded} == {"gpt-oss:20b"}


async def test_a_model_that_hangs_is_given_up(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "SECONDS", 0.2)
    talk.fault(Fault(kind="hang", model=MODEL))
    with anyio.fail_after(2), pytest.raises(BackendFailed, match=r"longer than 0\.2 s"):
        await embedder(talk)(["a lighthouse"])


async def test_a_model_that_is_not_there_is_said_to_be_missing(talk: Any) -> None:
    with pytest.raises(ModelUnavailable):
        await embedder(talk, "nobody")(["a lighthouse"])


def test_an_answer_without_vectors_is_a_failure() -> None:
    for raw in (b'{"embedding": 1}', b'{"data": [1]}', b"{}"):
        with pytest.raises(BackendFailed, match="no vectors"):
            vectors_of(MODEL, raw)


def test_ollama_is_asked_with_the_options_the_model_was_loaded_with() -> None:
    spec = ModelSpec(name=MODEL, size_gb=2.5, context_tokens=8192, kind="embedding")
    lease = Lease(spec, Server("ollama", "ollama", "http://127.0.0.1:9", True), 0.0)
    path, body = question(lease, ("one", "two"))
    assert (path, body["input"], body["options"]) == (
        "/api/embed", ["one", "two"], {"num_ctx": 8192},
    )  # fmt: skip
