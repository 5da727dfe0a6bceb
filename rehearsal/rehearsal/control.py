"""The endpoints no real server has: set faults, read the record, kill the server."""

from collections.abc import Callable
from typing import Any

import anyio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from rehearsal.bodies import read_body
from rehearsal.errors import BadRequest, ProcessDied, Refusal
from rehearsal.faults import FaultError, parse_faults
from rehearsal.life import Life
from rehearsal.stage import Rehearsal


class Control:
    """`/rehearsal/…` on either port; both ports share one set of faults and one record."""

    def __init__(self, stage: Rehearsal) -> None:
        self._stage = stage

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [
            web.get("/rehearsal/faults", self.faults),
            web.post("/rehearsal/faults", self.set_faults),
            web.delete("/rehearsal/faults", self.clear_faults),
            web.post("/rehearsal/kill", self.kill),
            web.get("/rehearsal/log", self.log),
            web.delete("/rehearsal/log", self.clear_log),
            web.get("/health", self.health),
            web.get("/health/live", self.health),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """200 while the process serves."""
        return web.json_response({"status": "healthy", "service": "rehearsal"})

    async def faults(self, _: web.Request) -> web.Response:
        """What is still to go wrong."""
        return web.Response(body=self._stage.faults.report(), content_type="application/json")

    async def set_faults(self, request: web.Request) -> web.Response:
        """Add the faults of a JSON list to those already set; 400 when it cannot be read."""
        try:
            self._stage.faults.add(parse_faults(await request.read()))
        except FaultError as invalid:
            raise BadRequest(str(invalid)) from invalid
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Nothing goes wrong any more."""
        self._stage.faults.clear()
        return await self.faults(request)

    async def kill(self, request: web.Request) -> web.Response:
        """The server dies like one that gets SIGKILL; `{"down_seconds": 5}`, scripted."""
        down = read_body(await request.read()).get("down_seconds", 5.0)
        if not isinstance(down, int | float) or down < 0:
            raise BadRequest("down_seconds: not a number of seconds")
        raise ProcessDied(float(down))

    async def log(self, _: web.Request) -> web.Response:
        """Everything seen and done, see `Record.report`."""
        return web.json_response(self._stage.record.report())

    async def clear_log(self, _: web.Request) -> web.Response:
        """Forget what was seen so far."""
        self._stage.record.clear()
        return web.json_response(self._stage.record.report())


def ends_of(life: Life, shape: Callable[[Refusal], dict[str, Any]]) -> Middleware:
    """What handlers raise becomes an error in the door's `shape`, or the end of the server."""

    @web.middleware
    async def ends(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return web.json_response(shape(refusal), status=refusal.status)
        except ProcessDied as end:
            life.die(end.down_seconds)
            await anyio.sleep_forever()  # until this connection is torn down with all others
            raise

    return ends
