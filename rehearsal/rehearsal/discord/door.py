"""What every REST request passes: faults, sign-in, rate limits, the record, the shape of errors."""

import re

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from rehearsal.discord.errors import Refused
from rehearsal.discord.faults import DiscordFault
from rehearsal.discord.limits import Buckets, refusal_body
from rehearsal.discord.state import Call, State

API = "/api/v10"
VIA = {"Via": "1.1 google"}
"""Discord's own answers carry it; one without is taken for Cloudflare's."""


def answer(body: object, *, status: int = 200) -> web.Response:
    """A JSON answer; its type is written as Discord writes it, without a charset."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def nothing() -> web.Response:
    """204."""
    return web.Response(status=204)


def door(state: State) -> Middleware:
    """The middleware for everything below `/api/v10`."""
    buckets = Buckets(state.limits)

    @web.middleware
    async def pass_door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            return await _own_page_only(request, handler)
        state.origin = f"http://{request.host}"
        path, began = request.path.removeprefix(API), state.clock.monotonic()
        route = _route(request)
        fault = state.faults.take(request.method, path)
        response = await _served(state, buckets, request, handler, route, fault)
        now = state.clock.monotonic()
        state.calls.append(Call(began, request.method, route, path, response.status, now - began))
        state.changed()
        if fault is not None and fault.kind == "reset" and request.transport is not None:
            request.transport.abort()
        return response

    return pass_door


async def _own_page_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Another page in the same browser must not speak for the people here."""
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin not in (None, f"http://{request.host}"):
        raise web.HTTPForbidden(text="Only the stand-in's own page may do that.")
    return await handler(request)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical.removeprefix(API)


async def _served(
    state: State,
    buckets: Buckets,
    request: web.Request,
    handler: Handler,
    route: str,
    fault: DiscordFault | None,
) -> web.StreamResponse:
    instead = None if fault is None else _instead(fault)
    if fault is not None and fault.kind == "slow":
        await state.clock.sleep(fault.seconds)
    if instead is not None and fault is not None and not fault.done:
        return instead
    now, wall = state.clock.monotonic(), state.clock.now()
    try:
        _signed_in(state, request, route)
        verdict = buckets.ask(request.method, route, _major(request), now=now, wall=wall)
        if not verdict.passes:
            response: web.StreamResponse = answer(verdict.body, status=429)
        else:
            response = await handler(request)
    except Refused as refused:
        response = answer(refused.body(), status=refused.status)
        verdict = None
    if verdict is not None:
        response.headers.update(verdict.headers)
    response.headers.update(VIA)
    return response if instead is None else instead


def _signed_in(state: State, request: web.Request, route: str) -> None:
    """Interactions and webhooks carry their token in the path, all else in a header."""
    if route.startswith(("/interactions/", "/webhooks/")):
        return
    if request.headers.get("Authorization") != f"Bot {state.rules.token}":
        raise Refused(401, 0, "401: Unauthorized")


def _major(request: web.Request) -> str:
    """What a bucket belongs to."""
    for name in ("token", "channel", "guild"):
        if name in request.match_info:
            return request.match_info[name]
    return ""


def _instead(fault: DiscordFault) -> web.Response | None:
    match fault.kind:
        case "error":
            status = fault.status
            body = {"message": f"{status}: rehearsed", "code": fault.code}
            if status == 429:
                body["retry_after"] = fault.retry_after
            return web.Response(
                body=orjson.dumps(body), status=status, content_type="application/json", headers=VIA
            )
        case "limit":
            headers = VIA | {
                "Retry-After": str(int(fault.retry_after) + 1),
                "X-RateLimit-Scope": "global" if fault.everywhere else "shared",
            }
            if fault.everywhere:
                headers["X-RateLimit-Global"] = "true"
            body_429 = refusal_body(fault.retry_after, everywhere=fault.everywhere)
            return web.Response(
                body=orjson.dumps(body_429),
                status=429,
                content_type="application/json",
                headers=headers,
            )
        case "ban":
            text = "error code: 1015"
            return web.Response(text=text, status=429, content_type="text/plain")
        case "reset":
            return web.Response(status=499)
        case "slow":
            return None


def number(request: web.Request, name: str) -> int:
    """The snowflake in the path. Raises `Refused`."""
    text = request.match_info[name]
    if not re.fullmatch(r"\d{1,20}", text):
        raise Refused(400, 50035, "Invalid Form Body")
    return int(text)
