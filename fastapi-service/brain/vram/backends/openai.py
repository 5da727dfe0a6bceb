"""A plain OpenAI-style server (llama.cpp's, or any other): its models are always loaded."""

from typing import Any

from brain.catalogue.models import ModelSpec
from brain.vram.backends.http import Http
from brain.vram.errors import LoadFailed, ModelUnavailable, ServerKind
from brain.vram.residents import Inventory

LISTED_CONTEXT_KEYS = ("max_model_len", "context_length")
"""vLLM and SGLang tell the first, others the second; OpenAI's own listing has neither."""

REHEARSED_BY = "rehearsal"


class OpenAIBackend:
    """
    Knows what there is; there is nothing to load.

    `memory_gb` is what the whole server takes, which it does not tell by itself; None where nobody
    has said.
    """

    kind: ServerKind = "openai"
    loads = False
    sleeps = False
    unloads_reason = "an OpenAI-style server has no way to free its memory"

    def __init__(self, url: str, *, name: str = "sglang", memory_gb: float | None = None) -> None:
        self.name = name
        self._http = Http(url)
        self.url = self._http.url
        self._memory_gb = memory_gb

    async def aclose(self) -> None:
        """Nothing is kept open between two looks."""

    async def look(self) -> Inventory:
        """The models of `GET /v1/models`. Raises `BackendUnreachable`."""
        installed, rehearsal = await listed(self._http)
        return Inventory(
            installed=installed,
            loaded=charged(installed, self._memory_gb),
            rehearsal=rehearsal,
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """It is loaded, if it is there at all."""
        await must_be_listed(self._http, spec.name)
        return None

    async def unload(self, model: str) -> None:
        """Raises `LoadFailed`: it stays loaded."""
        raise LoadFailed(model, self.unloads_reason)

    async def park(self, model: str) -> None:
        """Raises `LoadFailed`: it stays awake."""
        raise LoadFailed(model, self.unloads_reason)


async def listed(http: Http) -> tuple[dict[str, ModelSpec], bool]:
    """
    (the models of `GET /v1/models` by name, whether they are rehearsed).

    Raises `BackendUnreachable`, also when what answers does not speak the OpenAI protocol.
    """
    answer = await http.get("/v1/models")
    if answer.status >= 400:
        raise http.unreachable(f"it answers with status {answer.status}")
    try:
        rows = answer.body["data"]
        rehearsal = any(REHEARSED_BY in str(row.get("owned_by", "")) for row in rows)
        return {str(row["id"]): _described(row) for row in rows}, rehearsal
    except (ValueError, KeyError, TypeError, AttributeError) as strange:
        raise http.unreachable("it does not speak the OpenAI protocol") from strange


async def must_be_listed(http: Http, model: str) -> None:
    """Raises `ModelUnavailable` when the server does not list `model`."""
    installed, _ = await listed(http)
    if model not in installed:
        raise ModelUnavailable(model)


def charged(installed: dict[str, ModelSpec], memory_gb: float | None) -> dict[str, float]:
    """
    Memory of each model in GB, where the whole of it is `memory_gb`.

    All of it stands with the first: the others are adapters of it (LoRA). Empty where nobody has
    said how much it is.
    """
    if memory_gb is None:
        return {}
    return {name: 0.0 if place else memory_gb for place, name in enumerate(installed)}


def _described(row: dict[str, Any]) -> ModelSpec:
    lengths = (row.get(key) for key in LISTED_CONTEXT_KEYS)
    context = next((length for length in lengths if isinstance(length, int)), 8192)
    return ModelSpec(name=str(row["id"]), size_gb=0.0, backend="sglang", context_tokens=context)
