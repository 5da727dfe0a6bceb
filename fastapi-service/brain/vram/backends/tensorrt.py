"""
TensorRT-LLM (`trtllm-serve`): one model for the life of the server.

A prototype lets it release its memory: started with `--enable_sleep_mode`, and each request signed
with the key of TRTLLM_RUNTIME_CONTROL_API_KEY. The weights then wait in the memory of the machine,
so that where GPU and machine share theirs next to nothing is freed, and it is left alone. Source:
TensorRT-LLM's pages "trtllm-serve" and "Runtime Memory Checkpointing" (features/sleep-wakeup).
"""

import hashlib
import hmac
from http import HTTPStatus

from brain.catalogue.models import ModelSpec
from brain.vram.backends.http import Http
from brain.vram.backends.openai import charged, listed, must_be_listed
from brain.vram.errors import LoadFailed, ServerKind
from brain.vram.residents import Inventory

PARKED_SHARE = 0.1
"""Of the GPU's memory, what stays: the process and its CUDA context. A guess, never measured."""

SIGNATURE = "x-trtllm-runtime-control-auth"
NO_KEY = "its control_key is not set, without which trtllm-serve frees no memory"
NO_SLEEP = "trtllm-serve was started without --enable_sleep_mode"
COPY_STAYS = "trtllm-serve moves its weights to the machine's memory, which is the same memory here"


class TensorRTBackend:
    """
    A `trtllm-serve`. `memory_gb` is what it takes while awake, None where nobody has said.

    `unified`: GPU and machine share their memory. `control_key` signs what frees memory.
    """

    kind: ServerKind = "openai"
    loads = False

    def __init__(
        self,
        url: str,
        *,
        name: str = "tensorrt",
        memory_gb: float | None = None,
        unified: bool = True,
        control_key: str = "",
    ) -> None:
        self.name = name
        self._http = Http(url)
        self.url = self._http.url
        self._memory_gb = memory_gb
        self._key = control_key.encode()
        self._never = COPY_STAYS if unified else "" if control_key else NO_KEY
        self.sleeps = False

    @property
    def unloads_reason(self) -> str:
        """Empty when it can sleep."""
        return self._never or ("" if self.sleeps else NO_SLEEP)

    async def aclose(self) -> None:
        """Nothing is kept open between two requests."""

    async def look(self) -> Inventory:
        """Its model, awake or parked. Raises `BackendUnreachable`."""
        health = await self._http.get("/health")
        if health.status != HTTPStatus.OK:
            raise self._http.unreachable(f"its health answers with status {health.status}")
        installed, rehearsal = await listed(self._http)
        memory = charged(installed, self._memory_gb)
        parked = await self._parked()
        asleep = {name: memory.get(name, 0.0) * PARKED_SHARE for name in installed}
        return Inventory(
            installed=installed,
            loaded={} if parked else memory,
            parked=asleep if parked else {},
            rehearsal=rehearsal,
            sleeps=self.sleeps,
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """Return when the model is awake."""
        await must_be_listed(self._http, spec.name)
        if await self._parked():
            await self._order(spec.name, "/resume_memory")
        return None

    async def unload(self, model: str) -> None:
        """Raises `LoadFailed`: it can at most sleep."""
        raise LoadFailed(model, self.unloads_reason or "trtllm-serve can only put it to sleep")

    async def park(self, model: str) -> None:
        """Return when its memory is released; it waits for what is running by itself."""
        await self._parked()
        if not self.sleeps:
            raise LoadFailed(model, self.unloads_reason)
        await self._order(model, "/release_memory")

    async def _parked(self) -> bool:
        """Whether any of its memory is released; also learns whether that can be."""
        if self._never:
            return False
        answer = await self._http.look("/memory_status", headers=self._signed(b""))
        self.sleeps = answer.status == HTTPStatus.OK
        if not self.sleeps:
            return False
        match answer.body:
            case {"state": "running"}:
                return False
            case {"state": "parked" | "parking" | "waking"}:
                return True
            case {"state": "failed"}:
                raise self._http.unreachable("its memory is in state failed, start it again")
        raise self._http.unreachable("/memory_status does not say its state")

    async def _order(self, model: str, path: str) -> None:
        body = b"{}"
        await self._http.order(model, path, body=body, headers=self._signed(body))

    def _signed(self, body: bytes) -> dict[str, str]:
        return {SIGNATURE: f"sha256={hmac.new(self._key, body, hashlib.sha256).hexdigest()}"}
