"""The application of port 11502: which path leads where."""

from aiohttp import web

from rehearsal.discord.control import Control
from rehearsal.discord.door import API, door
from rehearsal.discord.errors import Refused
from rehearsal.discord.gateway import Gateway
from rehearsal.discord.rest.cdn import Cdn
from rehearsal.discord.rest.channels import Channels
from rehearsal.discord.rest.guilds import Guilds
from rehearsal.discord.rest.interactions import Interactions
from rehearsal.discord.rest.messages import Messages
from rehearsal.discord.stage import Discord
from rehearsal.life import Life

LARGEST_BODY = 120 * 2**20
"""Bytes; ten files in one message."""


def discord_app(discord: Discord, life: Life) -> web.Application:
    """The stand-in's REST API, gateway, CDN, page, and what no Discord has; it lives `life`."""
    state = discord.state
    gateway = Gateway(state)
    app = web.Application(middlewares=[door(state)], client_max_size=LARGEST_BODY)

    async def unhandled(request: web.Request) -> web.Response:
        state.unhandled.append(f"{request.method} {request.path}")
        raise Refused(404, 0, "404: Not Found")

    api = [
        *Messages(state).routes(),
        *Channels(state).routes(),
        *Guilds(state).routes(),
        *Interactions(state).routes(),
    ]
    app.add_routes(
        [
            *(web.route(each.method, API + each.path, each.handler) for each in api),
            web.route("*", "/api/{rest:.*}", unhandled),
            web.get("/gateway", gateway.connect),
            web.get("/gateway/", gateway.connect),
            *Control(discord, life, gateway).routes(),
            *Cdn(state).routes(),
        ]
    )
    return app
