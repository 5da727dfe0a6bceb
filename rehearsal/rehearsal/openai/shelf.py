"""The models an OpenAI-style server was started with: always loaded, so many requests at once."""

from dataclasses import dataclass

import anyio
from aiohttp import web

from rehearsal.openai.errors import NotServed
from rehearsal.script import ScriptedModel
from rehearsal.stage import Rehearsal


@dataclass(frozen=True, slots=True)
class Served:
    """A model and the places in its batch."""

    model: ScriptedModel
    slots: anyio.Semaphore


class Shelf:
    """What is served, by exact name."""

    def __init__(self, stage: Rehearsal) -> None:
        self._faults = stage.faults
        self._created = int(stage.pace.wall())
        self._served = {
            model.name: Served(model, anyio.Semaphore(stage.script.openai.parallel))
            for model in stage.script.models
            if model.server == "openai" and model.installed
        }

    def find(self, name: str) -> Served:
        """The model of this name. Raises `NotServed`; uses a `vanish` fault up."""
        served = self._served.get(name)
        if served is None or self._faults.take(("vanish",), model=name):
            raise NotServed(name)
        return served

    async def models(self, _: web.Request) -> web.Response:
        """`GET /v1/models`."""
        models = [
            {
                "id": name,
                "object": "model",
                "created": self._created,
                "owned_by": "rehearsal",
                "max_model_len": served.model.context,
            }
            for name, served in self._served.items()
            if not self._faults.vanished(name)
        ]
        return web.json_response({"object": "list", "data": models})
