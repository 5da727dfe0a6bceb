"""The models an OpenAI-style server was started with: always loaded, so many requests at once."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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


Uses = Callable[[Served], AbstractAsyncContextManager[bool]]
"""Waits until the model is in memory and keeps it there; false: its weights are garbage."""


@asynccontextmanager
async def _always(_: Served) -> AsyncIterator[bool]:
    yield True


class Shelf:
    """
    What is served, by exact name.

    `uses` is asked before a model answers; by default every model is always in memory.
    """

    def __init__(self, stage: Rehearsal) -> None:
        self._faults = stage.faults
        self.uses: Uses = _always
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

    def all(self) -> list[Served]:
        """Every model that has not vanished."""
        return [served for name, served in self._served.items() if not self._faults.vanished(name)]

    async def models(self, _: web.Request) -> web.Response:
        """`GET /v1/models`."""
        models = [
            {
                "id": served.model.name,
                "object": "model",
                "created": self._created,
                "owned_by": "rehearsal",
                "max_model_len": served.model.context,
            }
            for served in self.all()
        ]
        return web.json_response({"object": "list", "data": models})
