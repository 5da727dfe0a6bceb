"""The OpenAI-style application: which path leads where, and how errors look."""

from aiohttp import web

from rehearsal.bodies import LARGEST_BODY
from rehearsal.control import Control, ends_of
from rehearsal.life import Life
from rehearsal.openai.chat import Completions
from rehearsal.openai.embed import Embeddings
from rehearsal.openai.engine import Engine
from rehearsal.openai.errors import error_body
from rehearsal.openai.lmstudio import LMStudio
from rehearsal.openai.sglang import Sglang
from rehearsal.openai.shelf import Shelf
from rehearsal.openai.tensorrt import TensorRT
from rehearsal.openai.vllm import Vllm
from rehearsal.stage import Rehearsal


def openai_app(stage: Rehearsal, life: Life) -> web.Application:
    """The server of port 11501, which lives `life` and plays the product the script names."""
    shelf = Shelf(stage)
    app = web.Application(middlewares=[ends_of(life, error_body)], client_max_size=LARGEST_BODY)
    app.add_routes(
        [
            web.get("/v1/models", shelf.models),
            web.post("/v1/chat/completions", Completions(stage, shelf=shelf).chat),
            web.post("/v1/embeddings", Embeddings(stage, shelf=shelf).embed),
            *Control(stage).routes(),
            *_own_routes(stage, shelf, life),
        ]
    )
    return app


def _own_routes(stage: Rehearsal, shelf: Shelf, life: Life) -> list[web.RouteDef]:
    """What the product has beside the OpenAI protocol."""
    flavour = stage.script.openai.flavour
    if flavour == "lmstudio":
        studio = LMStudio(stage, shelf)
        shelf.uses = studio.uses
        life.forget = studio.forget
        return studio.routes()
    if flavour == "plain":
        return []
    engine = Engine(stage, shelf, life)
    shelf.uses = engine.uses
    life.remember, life.forget = engine.remember, engine.forget
    match flavour:
        case "vllm":
            return Vllm(stage, engine).routes()
        case "sglang":
            return Sglang(stage, engine).routes()
        case "tensorrt":
            return TensorRT(stage, engine).routes()
