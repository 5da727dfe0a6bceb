"""The OpenAI-style application: which path leads where, and how errors look."""

from aiohttp import web

from rehearsal.control import Control
from rehearsal.stage import Rehearsal


def openai_app(stage: Rehearsal) -> web.Application:
    """The server of port 11501."""
    app = web.Application()
    app.add_routes(Control(stage).routes())
    return app
