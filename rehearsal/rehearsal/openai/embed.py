"""`/v1/embeddings`: one vector a text, as numbers or as base64 of 32-bit floats."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from rehearsal import tokens
from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest, Dropped, Incapable
from rehearsal.openai.shelf import Shelf
from rehearsal.performance import Scene, perform, say_nothing
from rehearsal.replies import Reply
from rehearsal.stage import Rehearsal
from rehearsal.streaming import break_connection
from rehearsal.vectors import embed


class Embeddings:
    """The endpoint that turns texts into vectors."""

    def __init__(self, stage: Rehearsal, *, shelf: Shelf) -> None:
        self._stage = stage
        self._shelf = shelf

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/embeddings`."""
        body = read_body(await request.read())
        name = str(body.get("model", ""))
        with self._stage.record.request("openai", request.path, name, body) as entry:
            served = self._shelf.find(name)
            if not served.model.can("embedding"):
                raise Incapable(name, "embeddings")
            texts = _texts(body)
            size = sum(tokens.count(text) for text in texts)
            try:
                async with self._shelf.uses(served), served.slots:
                    entry.started = self._stage.pace.real()
                    scene = Scene(served.model, Reply(), prompt_tokens=size)
                    await perform(scene, stage=self._stage, entry=entry, emit=say_nothing)
            except Dropped:
                break_connection(request)
                return web.Response()
            vectors = [embed(text, served.model.dimensions) for text in texts]
            return web.json_response(_body(name, vectors, size, body.get("encoding_format")))


def _body(name: str, vectors: list[list[float]], size: int, encoding: object) -> dict[str, Any]:
    rows = [
        {
            "object": "embedding",
            "index": at,
            "embedding": _base64(vector) if encoding == "base64" else vector,
        }
        for at, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": size, "total_tokens": size}
    return {"object": "list", "model": name, "data": rows, "usage": usage}


def _texts(body: Mapping[str, Any]) -> list[str]:
    match body.get("input"):
        case str() as text if text:
            return [text]
        case list() as texts if texts and all(isinstance(text, str) for text in texts):
            return texts
        case _:
            raise BadRequest("input: a text or a list of texts is required")


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
