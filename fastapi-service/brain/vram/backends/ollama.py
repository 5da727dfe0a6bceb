"""
Ollama: models are loaded and unloaded by us, and stay until we say so.

Every load carries `keep_alive: -1`, so that Ollama never unloads a model by itself, and the options
of `ModelSpec.load_options`, so that no chat makes it load one again. Source of every detail here:
docs/api.md, server/routes.go and server/sched.go in Ollama's repository.
"""

import json
import ssl
from collections.abc import Mapping
from typing import Any

import anyio
import httpx
import ollama

from brain.catalogue.models import ModelSpec, Thinking
from brain.vram.errors import BackendUnreachable, LoadFailed, ModelUnavailable, ServerKind, one_line
from brain.vram.residents import Inventory

FOR_EVER = -1
NOW = 0
QUICK_SECONDS = 5.0
"""Listing models takes milliseconds, also while one is being loaded."""

POLL_SECONDS = 0.1
UNLOAD_POLLS = 300
NO_SUCH_PATH = frozenset({400, 404, 405})
"""What other web servers say to Ollama's paths; a proxy in front of a dead Ollama says others."""

UNKNOWN_MODEL_FACTOR = 1.2
"""Memory of a model that is not in the roster, over the size of its file."""

BYTES_PER_GB = 1e9


class OllamaBackend:
    """One Ollama server (or a rehearsal of one, which says so in its version)."""

    kind: ServerKind = "ollama"
    loads = True
    sleeps = False
    unloads_reason = ""

    def __init__(self, url: str, *, name: str = "ollama") -> None:
        self.name = name
        self.url = url.rstrip("/")
        # A TLS context costs 20 ms of blocking work, so the clients share one or need none.
        verify = ssl.create_default_context() if self.url.startswith("https:") else False
        self._quick = ollama.AsyncClient(self.url, timeout=QUICK_SECONDS, verify=verify)
        self._patient = ollama.AsyncClient(self.url, timeout=None, verify=verify)
        self._plain = httpx.AsyncClient(
            base_url=self.url, timeout=QUICK_SECONDS, verify=verify, follow_redirects=True
        )
        self._described: dict[tuple[str, str], ModelSpec] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._quick.close()  # type: ignore[no-untyped-call] # the client is untyped there
        await self._patient.close()  # type: ignore[no-untyped-call] # likewise
        await self._plain.aclose()

    async def look(self) -> Inventory:
        """Installed and loaded models. Raises `BackendUnreachable`."""
        try:
            version = await self._version()
            tags = (await self._quick.list()).models
            loaded = await self._loaded()
            installed = [await self._describe(tag) for tag in tags if tag.model]
        except (ollama.ResponseError, httpx.HTTPError, ConnectionError, ValueError) as failure:
            raise self._unreachable(failure) from failure
        return Inventory(
            installed={spec.name: spec for spec in installed},
            loaded=loaded,
            rehearsal="rehearsal" in version,
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """Return when the model is in memory, with its size there in GB."""
        try:
            if spec.kind == "embedding":  # has no /api/generate
                await self._patient.embed(
                    spec.name, input=[], options=spec.load_options, keep_alive=FOR_EVER
                )
            else:
                await self._patient.generate(
                    spec.name, prompt="", options=spec.load_options, keep_alive=FOR_EVER
                )
            return (await self._loaded()).get(spec.name)
        except ollama.ResponseError as refusal:
            if refusal.status_code == httpx.codes.NOT_FOUND:
                raise ModelUnavailable(spec.name) from refusal
            raise LoadFailed(spec.name, one_line(refusal.error)) from refusal
        except httpx.RemoteProtocolError as dropped:
            raise LoadFailed(spec.name, "the server broke off while loading it") from dropped
        except (httpx.HTTPError, ConnectionError) as failure:
            raise self._unreachable(failure) from failure

    async def unload(self, model: str) -> None:
        """Return when `/api/ps` no longer shows the model: the answer itself comes before that."""
        try:
            await self._quick.generate(model, prompt="", keep_alive=NOW)
            for _ in range(UNLOAD_POLLS):
                if model not in await self._loaded():
                    return
                await anyio.sleep(POLL_SECONDS)
        except ollama.ResponseError as refusal:
            if refusal.status_code == httpx.codes.NOT_FOUND:
                return  # deleted: Ollama unloads what it deletes
            raise LoadFailed(model, one_line(refusal.error)) from refusal
        except (httpx.HTTPError, ConnectionError) as failure:
            raise self._unreachable(failure) from failure
        raise LoadFailed(model, f"still in memory {UNLOAD_POLLS * POLL_SECONDS:g} s after unload")

    async def park(self, model: str) -> None:
        """Raises `LoadFailed`: it unloads instead."""
        raise LoadFailed(model, "Ollama has no sleep, it unloads")

    async def _version(self) -> str:
        """Raises `ValueError` when what answers is no Ollama, `httpx.HTTPError` otherwise."""
        answer = await self._plain.get("/api/version")
        if answer.status_code not in NO_SUCH_PATH:
            answer.raise_for_status()
        match json.loads(answer.content):
            case {"version": str(version)}:
                return version
        raise ValueError("/api/version names no version")

    async def _loaded(self) -> dict[str, float]:
        running = (await self._quick.ps()).models
        return {one.model: (one.size or 0) / BYTES_PER_GB for one in running if one.model}

    async def _describe(self, tag: ollama.ListResponse.Model) -> ModelSpec:
        """What a model can do, asked once per version of it."""
        name = tag.model or ""
        key = (name, tag.digest or "")
        if key not in self._described:
            shown = await self._quick.show(name)
            size_gb = (tag.size or 0) / BYTES_PER_GB * UNKNOWN_MODEL_FACTOR
            self._described[key] = _described(name, size_gb, shown)
        return self._described[key]

    def _unreachable(self, failure: Exception) -> BackendUnreachable:
        if isinstance(failure, httpx.TimeoutException):
            reason = "it does not answer in time"
        elif isinstance(failure, ollama.ResponseError):
            reason = f"it answers with status {failure.status_code}"
        elif isinstance(failure, httpx.HTTPStatusError):
            reason = f"it answers with status {failure.response.status_code}"
        elif isinstance(failure, ValueError):  # of a library that was told no JSON, or other JSON
            reason = "what answers there is not Ollama, set OLLAMA_HOST to the address of one"
        else:
            reason = "nothing answers there"
        return BackendUnreachable(self.url, reason)


def _described(name: str, size_gb: float, shown: ollama.ShowResponse) -> ModelSpec:
    can = frozenset(shown.capabilities or ())
    details: Mapping[str, Any] = shown.modelinfo or {}
    family = str(details.get("general.architecture", ""))
    thinking: Thinking = "none"
    if "thinking" in can:
        # gpt-oss has levels and cannot stop thinking; every other thinking model has a switch.
        thinking = "level" if family.startswith("gptoss") or "gpt-oss" in name else "boolean"
    return ModelSpec(
        name=name,
        size_gb=size_gb,
        kind="embedding" if "embedding" in can and "completion" not in can else "chat",
        thinking=thinking,
        tools="tools" in can,
        vision="vision" in can,
    )
