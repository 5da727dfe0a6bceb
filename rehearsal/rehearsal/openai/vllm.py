"""vLLM's sleep mode (docs.vllm.ai, features/sleep_mode), offered when the script lets it sleep."""

from aiohttp import web

from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest
from rehearsal.openai.engine import Engine
from rehearsal.stage import Rehearsal

TAGS = frozenset({"weights", "kv_cache"})


class Vllm:
    """The development endpoints; sleeping tags come back one by one."""

    def __init__(self, stage: Rehearsal, engine: Engine) -> None:
        self._offered = stage.script.openai.can_sleep
        self._engine = engine
        self._missing: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """None of them is there without VLLM_SERVER_DEV_MODE."""
        if not self._offered:
            return []
        return [
            web.post("/sleep", self.sleep),
            web.post("/wake_up", self.wake_up),
            web.get("/is_sleeping", self.is_sleeping),
            web.post("/collective_rpc", self.collective_rpc),
        ]

    async def sleep(self, request: web.Request) -> web.Response:
        """Level 1 keeps the weights, level 2 loses them. Only `mode=wait` lets answers end."""
        level = request.query.get("level", "1")
        if level not in ("1", "2"):
            raise BadRequest("level: 1 or 2")
        if request.query.get("mode") != "wait":
            self._engine.abort()
        await self._engine.until_idle()
        await self._engine.sleep(keeps_weights=level == "1")
        if self._engine.asleep:
            self._missing = set(TAGS)
        return web.Response()

    async def wake_up(self, request: web.Request) -> web.Response:
        """All tags, or those named; awake when none is missing."""
        self._missing -= set(request.query.getall("tags", list(TAGS)))
        if not self._missing:
            await self._engine.wake()
        return web.Response()

    async def is_sleeping(self, _: web.Request) -> web.Response:
        """True until everything is back."""
        return web.json_response({"is_sleeping": self._engine.asleep})

    async def collective_rpc(self, request: web.Request) -> web.Response:
        """Only `reload_weights`, for which the memory of the weights must be back."""
        if read_body(await request.read()).get("method") != "reload_weights":
            raise BadRequest("method: only reload_weights is rehearsed")
        if "weights" in self._missing:
            raise BadRequest("the memory of the weights is not mapped")
        await self._engine.read_weights()
        return web.json_response({"results": [None]})
