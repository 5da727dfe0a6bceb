"""`/api/embed`: one vector a text, through the same memory as everything else."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from rehearsal import tokens
from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest, Dropped, Incapable
from rehearsal.ollama.answers import counts, nanoseconds
from rehearsal.ollama.requests import load_plan, parse_generate
from rehearsal.ollama.residents import Residents
from rehearsal.ollama.roster import Roster
from rehearsal.performance import Scene, perform, say_nothing
from rehearsal.replies import Reply
from rehearsal.stage import Rehearsal
from rehearsal.streaming import break_connection
from rehearsal.vectors import embed


class Embedding:
    """The endpoint that turns texts into vectors."""

    def __init__(self, stage: Rehearsal, *, roster: Roster, residents: Residents) -> None:
        self._stage = stage
        self._roster = roster
        self._residents = residents

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """`POST /api/embed`; an empty input loads the model and answers with no vectors."""
        body = read_body(await request.read())
        name = str(body.get("model", ""))
        with self._stage.record.request("ollama", request.path, name, body) as entry:
            asked = parse_generate(body)
            model = self._roster.find(asked.model)
            if not model.can("embedding"):
                raise Incapable(model.name, "embeddings")
            texts = texts_of(body)
            dimensions = _dimensions(body, model.dimensions)
            size = sum(tokens.count(text) for text in texts)
            began = self._stage.pace.real()
            plan = load_plan(asked, model, self._stage.script.ollama)
            try:
                async with self._residents.use(plan):
                    entry.started = self._stage.pace.real()
                    scene = Scene(model, Reply(), prompt_tokens=size)
                    outcome = await perform(scene, stage=self._stage, entry=entry, emit=say_nothing)
            except Dropped:
                break_connection(request)
                return web.Response()
            return web.json_response(
                {
                    "model": asked.model,
                    "embeddings": [embed(text, dimensions) for text in texts],
                    "total_duration": nanoseconds(self._stage.pace.real() - began),
                    "load_duration": nanoseconds(entry.started - began),
                    **{k: v for k, v in counts(outcome).items() if k == "prompt_eval_count"},
                }
            )


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """The `input` of a request: one text or several. Raises `BadRequest`."""
    match body.get("input"):
        case None | "":
            return []
        case str() as text:
            return [text]
        case list() as texts if all(isinstance(text, str) for text in texts):
            return texts
        case _:
            raise BadRequest("invalid input type")


def _dimensions(body: Mapping[str, Any], most: int) -> int:
    wanted = body.get("dimensions")
    return min(wanted, most) if isinstance(wanted, int) and wanted > 0 else most
