"""
LM Studio's models in and out of memory (lmstudio.ai/docs/developer/rest), and loads by chats.

As there a load makes a further instance of a model that is loaded already, a chat loads what is
missing, and a load without room is refused with status 200 and an error in the body.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from aiohttp import web

from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest, NotInstalled, Refusal
from rehearsal.openai.engine import LOAD_FAULTS, UNLOAD_FAULTS, strike
from rehearsal.openai.shelf import Served, Shelf
from rehearsal.script import ScriptedModel
from rehearsal.stage import Rehearsal

DEFAULT_CONTEXT = 4096


@dataclass(eq=False, slots=True)
class _Instance:
    id: str
    model: ScriptedModel
    context: int


class LMStudio:
    """Instances by their ids."""

    def __init__(self, stage: Rehearsal, shelf: Shelf) -> None:
        self._stage = stage
        self._shelf = shelf
        self._instances: dict[str, _Instance] = {}
        self._loader = anyio.Lock()

    def forget(self) -> None:
        """The process ended, and every instance with it."""
        for name in list(self._instances):
            self._lost(name)

    def routes(self) -> list[web.RouteDef]:
        """What this product has."""
        return [
            web.get("/api/v1/models", self.models),
            web.post("/api/v1/models/load", self.load),
            web.post("/api/v1/models/unload", self.unload),
        ]

    @asynccontextmanager
    async def uses(self, served: Served) -> AsyncIterator[bool]:
        """Some instance of the model; loaded now when there is none."""
        async with self._loader:
            if not self._of(served.model):
                await self._load(served.model, DEFAULT_CONTEXT)
        yield True

    async def models(self, _: web.Request) -> web.Response:
        """`GET /api/v1/models`."""
        return web.json_response({"models": [self._row(one.model) for one in self._shelf.all()]})

    async def load(self, request: web.Request) -> web.Response:
        """`POST /api/v1/models/load`."""
        body = read_body(await request.read())
        name = str(body.get("model", ""))
        model = next((one.model for one in self._shelf.all() if one.model.name == name), None)
        if model is None:
            raise NotInstalled(name)
        began = self._stage.pace.real()
        try:
            async with self._loader:
                instance = await self._load(model, int(body.get("context_length", DEFAULT_CONTEXT)))
        except _NoRoom as refusal:
            error = {"type": "model_load_failed", "message": refusal.message}
            return web.json_response({"error": error})
        return web.json_response(
            {
                "type": _type(model),
                "instance_id": instance.id,
                "load_time_seconds": self._stage.pace.real() - began,
                "status": "loaded",
            }
        )

    async def unload(self, request: web.Request) -> web.Response:
        """`POST /api/v1/models/unload`."""
        name = str(read_body(await request.read()).get("instance_id", ""))
        instance = self._instances.get(name)
        if instance is None:
            raise BadRequest(f"No loaded instance {name!r}.")
        model = instance.model.name
        fault = self._stage.faults.take(UNLOAD_FAULTS, model=model, on="unload")
        if fault is None:
            slowness = self._stage.faults.slowness(model, on="unload")
            await self._stage.pace.sleep(self._stage.script.openai.unload_seconds * slowness)
            self._gone(name)
            self._stage.record.happened("unloaded", model)
        elif fault.kind != "ignore":
            await strike(fault)
        return web.json_response({"instance_id": name})

    async def _load(self, model: ScriptedModel, context: int) -> _Instance:
        """Only with the loader lock held."""
        free_gb = self._stage.script.openai.memory_gb - sum(
            one.model.size_gb for one in self._instances.values()
        )
        if model.size_gb > free_gb:
            raise _NoRoom
        self._stage.record.happened("load_started", model.name)
        fault = self._stage.faults.take(LOAD_FAULTS, model=model.name, on="load")
        if fault is not None:
            self._stage.record.happened("load_failed", model.name)
            await strike(fault)
        instance = _Instance(self._free_id(model.name), model, min(context, model.context))
        await self._fill(instance)
        self._instances[instance.id] = instance
        self._stage.record.happened("loaded", model.name)
        return instance

    async def _fill(self, instance: _Instance) -> None:
        model, pace = instance.model, self._stage.pace
        seconds = model.seconds_to_load * self._stage.faults.slowness(model.name, on="load")
        ready_at = pace.now() + seconds
        await self._stage.ballast.hold(
            instance.id,
            model.size_gb,
            seconds=pace.as_real(seconds),
            died=partial(self._lost, instance.id),
        )
        await pace.sleep(max(ready_at - pace.now(), 0.0))

    def _lost(self, name: str) -> None:
        instance = self._instances.get(name)
        if instance is not None:
            self._gone(name)
            self._stage.record.happened("died", instance.model.name)

    def _gone(self, name: str) -> None:
        self._stage.ballast.drop(name)
        self._instances.pop(name, None)

    def _free_id(self, name: str) -> str:
        number = 1 + sum(one.model.name == name for one in self._instances.values())
        return name if number == 1 else f"{name}:{number}"

    def _of(self, model: ScriptedModel) -> list[_Instance]:
        return [one for one in self._instances.values() if one.model is model]

    def _row(self, model: ScriptedModel) -> dict[str, Any]:
        row: dict[str, Any] = {
            "type": _type(model),
            "publisher": "rehearsal",
            "key": model.name,
            "display_name": model.name,
            "quantization": {"name": model.quantization, "bits_per_weight": 4},
            "size_bytes": model.size_bytes,
            "params_string": model.parameters,
            "loaded_instances": [
                {"id": one.id, "config": {"context_length": one.context}} for one in self._of(model)
            ],
            "max_context_length": model.context,
            "format": "gguf",
        }
        if _type(model) == "llm":
            row["capabilities"] = {
                "vision": model.can("vision"),
                "trained_for_tool_use": model.can("tools"),
            }
        return row


class _NoRoom(Refusal):
    """LM Studio's guard against loads that do not fit."""

    def __init__(self) -> None:
        super().__init__("Model loading was stopped due to insufficient system resources.")


def _type(model: ScriptedModel) -> str:
    return "embedding" if model.can("embedding") else "llm"
