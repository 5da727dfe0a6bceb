"""The Ollama-style application: which path leads where, and how errors look."""

from typing import Any

from aiohttp import web

from rehearsal.bodies import LARGEST_BODY
from rehearsal.control import Control, ends_of
from rehearsal.errors import Refusal
from rehearsal.life import Life
from rehearsal.ollama.chat import Answering
from rehearsal.ollama.embed import Embedding
from rehearsal.ollama.models import Shelf
from rehearsal.ollama.residents import Residents
from rehearsal.ollama.roster import Roster
from rehearsal.stage import Rehearsal


def _error_body(refusal: Refusal) -> dict[str, Any]:
    """Ollama's error shape: `{"error": "sentence"}`."""
    return {"error": refusal.message}


async def _running(_: web.Request) -> web.Response:
    return web.Response(text="Ollama is running")


def ollama_app(stage: Rehearsal, life: Life) -> web.Application:
    """The server of port 11500, which lives `life`."""
    roster = Roster(stage.script, stage.faults)
    residents = Residents(
        stage.script.ollama,
        pace=stage.pace,
        record=stage.record,
        faults=stage.faults,
        ballast=stage.ballast,
    )
    life.forget = residents.crash_all
    answering = Answering(stage, roster=roster, residents=residents)
    embedding = Embedding(stage, roster=roster, residents=residents)
    shelf = Shelf(stage, roster=roster, residents=residents)
    app = web.Application(middlewares=[ends_of(life, _error_body)], client_max_size=LARGEST_BODY)
    app.add_routes(
        [
            web.get("/", _running),
            web.get("/api/version", shelf.version),
            web.get("/api/tags", shelf.tags),
            web.get("/api/ps", shelf.ps),
            web.post("/api/show", shelf.show),
            web.post("/api/pull", shelf.pull),
            web.delete("/api/delete", shelf.delete),
            web.post("/api/chat", answering.chat),
            web.post("/api/generate", answering.generate),
            web.post("/api/embed", embedding.embed),
            *Control(stage).routes(),
        ]
    )
    return app
