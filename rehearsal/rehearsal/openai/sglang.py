"""SGLang's release and resume of memory (docs.sglang.io, "SGLang for RL Systems")."""

from aiohttp import web

from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest, ProcessDied
from rehearsal.openai.engine import RESTART_SECONDS, Engine
from rehearsal.stage import Rehearsal

MODEL_PATH = "/rehearsed/weights"


class Sglang:
    """As there: a release while something runs ends the engine, and so does one resume too many."""

    def __init__(self, stage: Rehearsal, engine: Engine) -> None:
        self._limits = stage.script.openai
        self._engine = engine

    def routes(self) -> list[web.RouteDef]:
        """What this product has."""
        return [
            web.get("/server_info", self.server_info),
            web.post("/flush_cache", self.flush_cache),
            web.post("/release_memory_occupation", self.release),
            web.post("/resume_memory_occupation", self.resume),
            web.post("/update_weights_from_disk", self.update_weights),
        ]

    async def server_info(self, _: web.Request) -> web.Response:
        """How it was started."""
        return web.json_response(
            {
                "model_path": MODEL_PATH,
                "enable_memory_saver": self._limits.can_sleep,
                "enable_weights_cpu_backup": self._limits.weights_copy,
            }
        )

    async def flush_cache(self, _: web.Request) -> web.Response:
        """400 while something runs."""
        if self._engine.users:
            return web.Response(text="Flush cache failed.", status=400)
        return web.Response(text="Cache flushed.")

    async def release(self, _: web.Request) -> web.Response:
        """Without the memory saver it does nothing, and says nothing."""
        if self._engine.users:
            raise ProcessDied(RESTART_SECONDS)
        if self._limits.can_sleep:
            await self._engine.sleep(keeps_weights=self._limits.weights_copy)
        return web.Response()

    async def resume(self, _: web.Request) -> web.Response:
        """The memory is back, the weights only if there was a copy."""
        if not self._engine.asleep:
            raise ProcessDied(RESTART_SECONDS)
        await self._engine.wake()
        return web.Response()

    async def update_weights(self, request: web.Request) -> web.Response:
        """Reads them again."""
        if read_body(await request.read()).get("model_path") != MODEL_PATH:
            raise BadRequest("model_path: there is no such path")
        await self._engine.read_weights()
        return web.json_response({"success": True, "message": "Succeeded to update weights."})
