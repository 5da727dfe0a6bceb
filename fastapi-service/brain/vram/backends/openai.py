"""An OpenAI-style server (SGLang, vLLM, llama.cpp): its models are always loaded."""

import aiohttp

from brain.catalogue.models import ModelSpec
from brain.vram.errors import BackendUnreachable, ServerKind
from brain.vram.residents import Inventory

QUICK = aiohttp.ClientTimeout(total=5.0)
LISTED_CONTEXT_KEYS = ("max_model_len", "context_length")
"""vLLM and SGLang tell the first, others the second; OpenAI's own listing has neither."""


class OpenAIBackend:
    """Knows what there is; there is nothing to load."""

    kind: ServerKind = "openai"
    loads = False

    def __init__(self, url: str, *, name: str = "sglang") -> None:
        self.name = name
        self.url = url.rstrip("/").removesuffix("/v1")

    async def aclose(self) -> None:
        """Nothing is kept open between two looks."""

    async def look(self) -> Inventory:
        """The models of `GET /v1/models`. Raises `BackendUnreachable`."""
        try:
            async with (
                aiohttp.ClientSession(timeout=QUICK) as session,
                session.get(f"{self.url}/v1/models") as response,
            ):
                response.raise_for_status()
                rows = (await response.json(content_type=None))["data"]
                rehearsal = any("rehearsal" in str(row.get("owned_by", "")) for row in rows)
                installed = {str(row["id"]): _described(row) for row in rows}
        except TimeoutError as late:
            raise self._unreachable("it does not answer in time") from late
        except aiohttp.ClientResponseError as refusal:
            raise self._unreachable(f"it answers with status {refusal.status}") from refusal
        except aiohttp.ClientError as failure:
            raise self._unreachable("nothing answers there") from failure
        except (ValueError, KeyError, TypeError, AttributeError) as strange:
            raise self._unreachable("it does not speak the OpenAI protocol") from strange
        return Inventory(installed=installed, loaded={}, rehearsal=rehearsal)

    async def load(self, spec: ModelSpec) -> float | None:
        """It is loaded."""
        del spec
        return None

    async def unload(self, model: str) -> None:
        """It stays loaded; the orchestrator never asks."""
        del model

    def _unreachable(self, reason: str) -> BackendUnreachable:
        return BackendUnreachable(self.url, reason, kind=self.kind)


def _described(row: dict[str, object]) -> ModelSpec:
    lengths = (row.get(key) for key in LISTED_CONTEXT_KEYS)
    context = next((length for length in lengths if isinstance(length, int)), 8192)
    return ModelSpec(name=str(row["id"]), size_gb=0.0, backend="sglang", context_tokens=context)
