"""What is there and what is loaded: tags, ps, show, pull, delete, version."""

from typing import Any

import orjson
from aiohttp import web

from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest
from rehearsal.ollama.residents import FOREVER, Resident, Residents
from rehearsal.ollama.roster import Roster, details, digest
from rehearsal.script import BYTES_PER_GB, ScriptedModel
from rehearsal.stage import Rehearsal
from rehearsal.streaming import Stream
from shared.clock import iso

VERSION = "0.33.0-rehearsal"
FOREVER_SECONDS = 292 * 365.25 * 86_400
"""Go's longest duration, which is what "for ever" means there: `expires_at` lies in about 2318."""

MODIFIED_AT = "2026-01-01T00:00:00.000Z"
PULL_STEPS = 20


class Shelf:
    """The endpoints about models that do not make them speak."""

    def __init__(self, stage: Rehearsal, *, roster: Roster, residents: Residents) -> None:
        self._stage = stage
        self._roster = roster
        self._residents = residents

    async def version(self, _: web.Request) -> web.Response:
        """`GET /api/version`; the word rehearsal in it is how others know."""
        return web.json_response({"version": VERSION})

    async def tags(self, _: web.Request) -> web.Response:
        """`GET /api/tags`: what is installed."""
        return web.json_response({"models": [_tag(model) for model in self._roster.listed()]})

    async def ps(self, _: web.Request) -> web.Response:
        """`GET /api/ps`: what is in memory, also what is just being loaded, as there."""
        return web.json_response({"models": [self._row(one) for one in self._residents.listed()]})

    async def show(self, request: web.Request) -> web.Response:
        """`POST /api/show`."""
        model = self._roster.find(_model_name(read_body(await request.read())))
        return web.json_response(_shown(model))

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """`POST /api/pull`: makes a scripted model that is not installed one that is."""
        body = read_body(await request.read())
        model = self._roster.pullable(_model_name(body))
        stream = Stream(request, "application/x-ndjson")
        lines = _pull_lines(model) if model else _pull_fails()
        if body.get("stream") is False:
            if model is None:
                return web.json_response(lines[-1], status=500)
            self._roster.install(model)
            return web.json_response(lines[-1])
        for line in lines:
            await stream.send(orjson.dumps(line) + b"\n")
            if model is not None and "completed" in line:
                rate = self._stage.script.ollama.pull_gb_per_second
                await self._stage.pace.sleep(model.size_gb / rate / PULL_STEPS)
        if model is not None:
            self._roster.install(model)
        return await stream.finish()

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE /api/delete`: off the disk, and out of memory when idle."""
        model = self._roster.delete(_model_name(read_body(await request.read())))
        self._residents.unload(model.name)
        return web.Response()

    def _row(self, resident: Resident) -> dict[str, Any]:
        model = resident.plan.model
        left = self._residents.expiry(resident) - self._stage.pace.now()
        seconds = FOREVER_SECONDS if left == FOREVER else self._stage.pace.as_real(left)
        return {
            "name": model.name,
            "model": model.name,
            "size": model.size_bytes,
            "digest": digest(model.name),
            "details": details(model),
            "expires_at": iso(self._stage.pace.wall() + seconds),
            "size_vram": model.size_bytes,
            "context_length": resident.plan.context,
        }


def _model_name(body: dict[str, Any]) -> str:
    name = body.get("model") or body.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest("model is required")
    return name


def _tag(model: ScriptedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": MODIFIED_AT,
        "size": model.size_bytes,
        "digest": digest(model.name),
        "details": details(model),
    }


def _shown(model: ScriptedModel) -> dict[str, Any]:
    return {
        "modelfile": f"# Rehearsal model: no weights stand behind this name.\nFROM {model.name}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": details(model),
        "model_info": {
            "general.architecture": model.family,
            "general.name": f"{model.name} (rehearsal)",
            f"{model.family}.context_length": model.context,
            f"{model.family}.embedding_length": model.dimensions,
        },
        "capabilities": list(model.capabilities),
        "modified_at": MODIFIED_AT,
    }


def _pull_lines(model: ScriptedModel) -> list[dict[str, Any]]:
    layer = f"sha256:{digest(model.name)}"
    total = int(model.size_gb * BYTES_PER_GB)
    pulling = {"status": f"pulling {layer[7:19]}", "digest": layer, "total": total}
    return [
        {"status": "pulling manifest"},
        *(
            {**pulling, "completed": total * step // PULL_STEPS}
            for step in range(1, PULL_STEPS + 1)
        ),
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
        {"status": "success"},
    ]


def _pull_fails() -> list[dict[str, Any]]:
    error = {"error": "pull model manifest: file does not exist"}
    return [{"status": "pulling manifest"}, error]
