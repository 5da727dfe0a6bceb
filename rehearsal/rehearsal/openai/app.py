"""The OpenAI-style application: which path leads where, and how errors look."""

from aiohttp import web
from aiohttp.typedefs import Handler

from rehearsal.bodies import LARGEST_BODY
from rehearsal.control import Control
from rehearsal.errors import Refusal
from rehearsal.openai.chat import Completions
from rehearsal.openai.embed import Embeddings
from rehearsal.openai.errors import error_body
from rehearsal.openai.shelf import Shelf
from rehearsal.stage import Rehearsal


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return web.json_response(error_body(refusal), status=refusal.status)


def openai_app(stage: Rehearsal) -> web.Application:
    """The server of port 11501."""
    shelf = Shelf(stage)
    app = web.Application(middlewares=[_errors], client_max_size=LARGEST_BODY)
    app.add_routes(
        [
            web.get("/v1/models", shelf.models),
            web.post("/v1/chat/completions", Completions(stage, shelf=shelf).chat),
            web.post("/v1/embeddings", Embeddings(stage, shelf=shelf).embed),
            *Control(stage).routes(),
        ]
    )
    return app
