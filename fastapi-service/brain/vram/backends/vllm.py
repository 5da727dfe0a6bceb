"""
vLLM: one model for the life of the server, which can be put to sleep.

Level 2 drops weights and cache and reads the weights from the disk again on waking; level 1 keeps
the weights in the memory of the machine, which is faster and frees nothing where GPU and machine
share their memory. Waking from level 2 takes three calls, as the weights have to be back before
the cache is. Source: docs.vllm.ai, "Sleep Mode" (features/sleep_mode), and
vllm/entrypoints/serve/sleep/api_router.py.
"""

from http import HTTPStatus
from typing import Literal

from brain.catalogue.models import ModelSpec
from brain.vram.backends.http import Http
from brain.vram.backends.openai import charged, listed, must_be_listed
from brain.vram.errors import LoadFailed, ServerKind
from brain.vram.residents import Inventory

PARKED_SHARE = 0.1
"""Of the memory, what a sleeping server keeps: the page above says that 90 % and more is freed."""

NO_SLEEP = "vLLM was started without VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode"


class VllmBackend:
    """
    A vLLM server. `memory_gb` is what it takes while awake, None where nobody has said.

    `unified`: GPU and machine share their memory, so only sleep of level 2 frees any.
    """

    kind: ServerKind = "openai"
    loads = False

    def __init__(
        self,
        url: str,
        *,
        name: str = "vllm",
        memory_gb: float | None = None,
        unified: bool = True,
    ) -> None:
        self.name = name
        self._http = Http(url)
        self.url = self._http.url
        self._memory_gb = memory_gb
        self._level: Literal[1, 2] = 2 if unified else 1
        self.sleeps = False

    @property
    def unloads_reason(self) -> str:
        """Empty when it can sleep."""
        return "" if self.sleeps else NO_SLEEP

    async def aclose(self) -> None:
        """Nothing is kept open between two requests."""

    async def look(self) -> Inventory:
        """Its model, awake or asleep. Raises `BackendUnreachable`."""
        installed, rehearsal = await listed(self._http)
        memory = charged(installed, self._memory_gb)
        asleep = await self._asleep()
        return Inventory(
            installed=installed,
            loaded={} if asleep else memory,
            parked={name: memory.get(name, 0.0) * PARKED_SHARE for name in installed}
            if asleep
            else {},
            rehearsal=rehearsal,
            sleeps=self.sleeps,
        )

    async def load(self, spec: ModelSpec) -> float | None:
        """Return when the model is awake."""
        await must_be_listed(self._http, spec.name)
        if not await self._asleep():
            return None
        if self._level == 1:
            await self._http.order(spec.name, "/wake_up")
        else:
            await self._http.order(spec.name, "/wake_up", params={"tags": "weights"})
            await self._http.order(
                spec.name, "/collective_rpc", body=b'{"method": "reload_weights"}'
            )
            await self._http.order(spec.name, "/wake_up", params={"tags": "kv_cache"})
        if await self._asleep():
            raise LoadFailed(spec.name, "vLLM says that it still sleeps after /wake_up")
        return None

    async def unload(self, model: str) -> None:
        """Raises `LoadFailed`: it can only sleep."""
        raise LoadFailed(model, self.unloads_reason or "vLLM keeps its model, it can only sleep")

    async def park(self, model: str) -> None:
        """Return when the model sleeps; answers still running are waited for, never cut off."""
        # Without a mode vLLM aborts what is running; versions before modes ignore the parameter.
        params = {"level": str(self._level), "mode": "wait"}
        if not self.sleeps:
            await self._asleep()
        if not self.sleeps:
            raise LoadFailed(model, NO_SLEEP)
        await self._http.order(model, "/sleep", params=params)
        if not await self._asleep():
            raise LoadFailed(model, "vLLM says that it is still awake after /sleep")

    async def _asleep(self) -> bool:
        """Whether it sleeps; also learns whether it can."""
        answer = await self._http.look("/is_sleeping")
        self.sleeps = answer.status == HTTPStatus.OK
        if not self.sleeps:
            return False
        match answer.body:
            case {"is_sleeping": bool(asleep)}:
                return asleep
        raise self._http.unreachable("/is_sleeping does not say whether it sleeps")
