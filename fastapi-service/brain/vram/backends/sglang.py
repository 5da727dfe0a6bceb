"""
SGLang: one model for the life of the server, whose memory can be released while nobody uses it.

What the published pages leave open decides how this is done (docs.sglang.io, "SGLang for RL
Systems"; python/sglang/srt/entrypoints/http_server.py; pull request 24123):

* The release asserts that nothing runs, and the whole engine dies where something does. So the
  cache is flushed first, which a busy server refuses without harm.
* Released weights are gone unless the server keeps a copy in the machine's memory. So they are
  read from the disk again after the resume.
* A resume without a release is an error in the engine, and no endpoint says whether memory is
  released. So it is remembered here (`blank`: resumed, not yet with weights), and a brain that
  starts while SGLang has released its memory takes it to be awake.
"""

import json
from http import HTTPStatus
from typing import Any, Literal

from brain.catalogue.models import ModelSpec
from brain.vram.backends.http import GONE, BrokeOff, Http
from brain.vram.backends.openai import charged, listed, must_be_listed
from brain.vram.errors import BackendUnreachable, LoadFailed, ServerKind
from brain.vram.residents import Inventory

PARKED_SHARE = 0.1
"""Of the memory, what stays: the process, its CUDA context and graphs. A guess, never measured."""

INFO_PATHS = ("/server_info", "/get_server_info")
"""The second is what it was called up to 2025."""

NO_SAVER = "SGLang was started without --enable-memory-saver"
COPY_STAYS = (
    "SGLang was started with --enable-weights-cpu-backup, whose copy takes the same memory here"
)
NO_PATH = "SGLang does not tell where its weights are, so they could not be read again"


class SglangBackend:
    """
    An SGLang server. `memory_gb` is what it takes while awake, None where nobody has said.

    `unified`: GPU and machine share their memory, so that a copy of the weights frees none.
    """

    kind: ServerKind = "openai"
    loads = False

    def __init__(
        self,
        url: str,
        *,
        name: str = "sglang",
        memory_gb: float | None = None,
        unified: bool = True,
    ) -> None:
        self.name = name
        self._http = Http(url)
        self.url = self._http.url
        self._memory_gb = memory_gb
        self._unified = unified
        self._state: Literal["awake", "released", "blank"] = "awake"
        self._weights_path: str | None = None
        self.unloads_reason = NO_SAVER

    @property
    def sleeps(self) -> bool:
        """Whether its memory can be released, as far as the last look knows."""
        return not self.unloads_reason

    async def aclose(self) -> None:
        """Nothing is kept open between two requests."""

    async def look(self) -> Inventory:
        """Its model, awake or released. Raises `BackendUnreachable`."""
        try:
            installed, rehearsal = await listed(self._http)
            await self._learn()
        except BackendUnreachable as failure:
            if failure.reason == GONE:  # when it starts again it has its weights
                self._state = "awake"
            raise
        memory = charged(installed, self._memory_gb)
        awake = self._state == "awake"
        share = PARKED_SHARE if self._state == "released" else 1.0
        return Inventory(
            installed=installed,
            loaded=memory if awake else {},
            parked={} if awake else {name: memory.get(name, 0.0) * share for name in installed},
            rehearsal=rehearsal,
            sleeps=self.sleeps,
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """Return when the model has its memory and its weights."""
        await must_be_listed(self._http, spec.name)
        try:
            if self._state == "released":
                await self._http.order(spec.name, "/resume_memory_occupation")
                self._state = "blank"
            if self._state == "blank" and self._weights_path is not None:
                body = json.dumps({"model_path": self._weights_path}).encode()
                await self._http.order(spec.name, "/update_weights_from_disk", body=body)
        except BrokeOff:
            self._state = "awake"  # likewise
            raise
        self._state = "awake"
        return None

    async def unload(self, model: str) -> None:
        """Raises `LoadFailed`: its memory can only be released for a while."""
        raise LoadFailed(model, self.unloads_reason or "SGLang keeps its model, it can only sleep")

    async def park(self, model: str) -> None:
        """Return when its memory is released. Raises `LoadFailed` also when it is in use."""
        if self._state == "released":
            return
        await self._learn()
        if not self.sleeps:
            raise LoadFailed(model, self.unloads_reason)
        await self._http.order(model, "/flush_cache")
        await self._http.order(model, "/release_memory_occupation")
        self._state = "released"

    async def _learn(self) -> None:
        """What the server was started with. Raises `BackendUnreachable`."""
        facts: dict[str, Any] = {}
        for path in INFO_PATHS:
            answer = await self._http.look(path)
            if answer.status == HTTPStatus.OK:
                facts = answer.body if isinstance(answer.body, dict) else {}
                break
        copied = facts.get("enable_weights_cpu_backup") is True
        weights = facts.get("model_path")
        self._weights_path = weights if isinstance(weights, str) and not copied else None
        if facts.get("enable_memory_saver") is not True:
            self.unloads_reason = NO_SAVER
        elif copied and self._unified:
            self.unloads_reason = COPY_STAYS
        elif not copied and self._weights_path is None:
            self.unloads_reason = NO_PATH
        else:
            self.unloads_reason = ""
