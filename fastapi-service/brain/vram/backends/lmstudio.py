"""
LM Studio: models are loaded and unloaded by us, and stay until we say so.

A load always makes a new instance, also of a model that is there, so what is loaded is looked up
first. Models loaded by this API are exempt from LM Studio's own idle timer and eviction, which
only hit what a chat made it load (bug tracker 2051). A refusal may come with status 200. Source:
lmstudio.ai/docs/developer/rest: "List your models", "Load a model", "Unload a model" (0.4).
"""

import json
from http import HTTPStatus
from typing import Any

import anyio

from brain.catalogue.models import ModelSpec
from brain.vram.backends.http import Http
from brain.vram.errors import LoadFailed, ModelUnavailable, ServerKind
from brain.vram.residents import Inventory

MEMORY_OVER_FILE = 1.2
"""LM Studio tells the size of a model's file and not of its memory; this is memory over file."""

BYTES_PER_GB = 1e9
POLL_SECONDS = 0.1
UNLOAD_POLLS = 300


class LMStudioBackend:
    """One LM Studio server. Every model goes by its key, also in chats."""

    kind: ServerKind = "openai"
    loads = True
    sleeps = False
    unloads_reason = ""

    def __init__(self, url: str, *, name: str = "lmstudio") -> None:
        self.name = name
        self._http = Http(url)
        self.url = self._http.url

    async def aclose(self) -> None:
        """Nothing is kept open between two requests."""

    async def look(self) -> Inventory:
        """Models on its disk and in its memory. Raises `BackendUnreachable`."""
        rows = await self._rows()
        return Inventory(
            installed={key: _described(row) for key, row in rows.items()},
            loaded={
                key: _memory_gb(row) * len(_instances(row))
                for key, row in rows.items()
                if _instances(row)
            },
            rehearsal=any(row.get("publisher") == "rehearsal" for row in rows.values()),
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """Return when one instance with the wanted context is in memory; its size is not told."""
        row = await self._row(spec.name)
        context = min(spec.context_tokens, int(row.get("max_context_length") or 2**31))
        if [one.get("config", {}).get("context_length") for one in _instances(row)] == [context]:
            return None
        await self._drop(spec.name, row)
        body = json.dumps({"model": spec.name, "context_length": context}).encode()
        answer = await self._http.order(spec.name, "/api/v1/models/load", body=body)
        match answer:
            case {"instance_id": str()} | {"model_instance_id": str()}:  # the second up to 0.4.0
                return None
        raise LoadFailed(spec.name, "LM Studio's answer to the load names no instance")

    async def unload(self, model: str) -> None:
        """Return when no instance of the model is listed any more."""
        try:
            row = await self._row(model)
        except ModelUnavailable:
            return  # deleted
        await self._drop(model, row)

    async def park(self, model: str) -> None:
        """Raises `LoadFailed`: it unloads instead."""
        raise LoadFailed(model, "LM Studio has no sleep, it unloads")

    async def _drop(self, model: str, row: dict[str, Any]) -> None:
        instances = _instances(row)
        if not instances:
            return
        for one in instances:
            body = json.dumps({"instance_id": one["id"]}).encode()
            await self._http.order(model, "/api/v1/models/unload", body=body)
        for _ in range(UNLOAD_POLLS):
            if not _instances((await self._rows()).get(model, {})):
                return
            await anyio.sleep(POLL_SECONDS)
        raise LoadFailed(model, f"still in memory {UNLOAD_POLLS * POLL_SECONDS:g} s after unload")

    async def _row(self, model: str) -> dict[str, Any]:
        row = (await self._rows()).get(model)
        if row is None:
            raise ModelUnavailable(model)
        return row

    async def _rows(self) -> dict[str, dict[str, Any]]:
        """`GET /api/v1/models` by key. Raises `BackendUnreachable`."""
        answer = await self._http.look("/api/v1/models")
        if answer.status != HTTPStatus.OK:
            raise self._http.unreachable("it has no /api/v1/models, LM Studio 0.4 or newer does")
        match answer.body:
            case {"models": [*rows]} if all(_is_model(row) for row in rows):
                return {row["key"]: row for row in rows}
        raise self._http.unreachable("it does not list its models as LM Studio does")


def _is_model(row: object) -> bool:
    match row:
        case {"key": str(), "loaded_instances": [*instances]}:
            return all(
                isinstance(one, dict) and isinstance(one.get("id"), str) for one in instances
            )
    return False


def _instances(row: dict[str, Any]) -> list[dict[str, Any]]:
    return list(row.get("loaded_instances", ()))


def _memory_gb(row: dict[str, Any]) -> float:
    size = row.get("size_bytes")
    return float(size) / BYTES_PER_GB * MEMORY_OVER_FILE if isinstance(size, int | float) else 0.0


def _described(row: dict[str, Any]) -> ModelSpec:
    can = row.get("capabilities") or {}
    return ModelSpec(
        name=row["key"],
        size_gb=_memory_gb(row),
        backend="sglang",
        kind="embedding" if row.get("type") == "embedding" else "chat",
        tools=can.get("trained_for_tool_use") is True,
        vision=can.get("vision") is True,
    )
