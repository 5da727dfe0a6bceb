"""TensorRT-LLM's memory checkpointing (its page features/sleep-wakeup), a prototype there too."""

import hashlib
import hmac

from aiohttp import web

from rehearsal.errors import Refusal
from rehearsal.openai.engine import Engine
from rehearsal.stage import Rehearsal

SIGNATURE = "x-trtllm-runtime-control-auth"


class TensorRT:
    """Offered with `--enable_sleep_mode`; every request must be signed."""

    def __init__(self, stage: Rehearsal, engine: Engine) -> None:
        self._limits = stage.script.openai
        self._engine = engine

    def routes(self) -> list[web.RouteDef]:
        """None of them is there without sleep mode."""
        if not self._limits.can_sleep:
            return []
        return [
            web.get("/memory_status", self.status),
            web.post("/release_memory", self.release),
            web.post("/resume_memory", self.resume),
        ]

    async def status(self, request: web.Request) -> web.Response:
        """`running` or `parked`."""
        await self._check(request)
        state = "parked" if self._engine.asleep else "running"
        return web.json_response({"state": state, "parked_tags": []})

    async def release(self, request: web.Request) -> web.Response:
        """Lets answers end first; the weights wait in the machine's memory."""
        await self._check(request)
        await self._engine.until_idle()
        await self._engine.sleep(keeps_weights=True)
        return web.json_response({"status": "success"})

    async def resume(self, request: web.Request) -> web.Response:
        """Doing it twice is no error there."""
        await self._check(request)
        await self._engine.wake()
        return web.json_response({"status": "success"})

    async def _check(self, request: web.Request) -> None:
        key, body = self._limits.control_key.encode(), await request.read()
        wanted = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
        if not hmac.compare_digest(request.headers.get(SIGNATURE, ""), wanted):
            raise Refusal("Invalid or missing control signature.", status=401)
