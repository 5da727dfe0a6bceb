"""`/v1`: OpenAI's routes and errors over our queue, routing and leases."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from brain.api.deps import TheBrain, caller_of
from brain.api.openai.answer import Answer
from brain.api.openai.asked import parse
from brain.api.openai.errors import response_of
from brain.api.openai.files import FileReader
from brain.chat.admission import Caller
from brain.chat.api_keys import PREFIX
from brain.chat.completion import AUTO, Offer
from brain.vram.errors import ModelUnavailable
from shared.errors import AuthRequired, BoundaryError
from shared.tokens import bearer


class _Route(APIRoute):
    """A route whose failures have OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def shaped(request: Request) -> Response:
            try:
                return await handle(request)
            except BoundaryError as failure:
                return response_of(failure)

        return shaped


router = APIRouter(prefix="/v1", tags=["openai"], route_class=_Route)


async def _caller(request: Request, brain: TheBrain) -> Caller:
    """A person, by sign-in or by personal API key. Raises `AuthRequired`."""
    caller = await _reader(request, brain)
    if caller.kind != "user":
        raise AuthRequired("This door is for people: it takes an API key or a sign-in.")
    return caller


async def _reader(request: Request, brain: TheBrain) -> Caller:
    """Whoever may see what there is: a person, or one of our services for its people."""
    token = bearer(request.headers.get("authorization"))
    if token is not None and token.startswith(PREFIX):
        return await brain.api_keys.caller(token)
    return caller_of(request, brain)


ThePerson = Annotated[Caller, Depends(_caller)]
TheReader = Annotated[Caller, Depends(_reader)]


@router.get("/models")
async def models(brain: TheBrain, _: TheReader) -> dict[str, Any]:
    """The models that may be named, what each is for, and `auto`."""
    created = int(brain.clock.now())
    rows = [_row(offer, created) for offer in _offers(brain.completions.offers())]
    return {"object": "list", "data": rows}


@router.get("/models/{model:path}")
async def model(model: str, brain: TheBrain, _: TheReader) -> dict[str, Any]:
    """One of them."""
    for offer in _offers(brain.completions.offers()):
        if offer.model == model:
            return _row(offer, int(brain.clock.now()))
    raise ModelUnavailable(model)


@router.post("/chat/completions")
async def completions(request: Request, brain: TheBrain, person: ThePerson) -> Response:
    """Continue a conversation."""
    return Answer(
        parse(await request.body()),
        person,
        read=FileReader(brain.files, person.user_id),
        desk=brain.completions,
        clock=brain.clock,
    )


def _offers(known: list[Offer]) -> list[Offer]:
    return [Offer(AUTO, "trollama", rehearsal=False), *known]


def _row(offer: Offer, created: int) -> dict[str, Any]:
    owner = "rehearsal" if offer.rehearsal else offer.server
    return {
        "id": offer.model,
        "object": "model",
        "created": created,
        "owned_by": owner,
        "kind": offer.kind,
    }
