"""
Thumbs up, thumbs down.

An answer is named by its `request_id`, or by the `ask_id` and `client_id` it was asked with. With a
sign-in one votes on what one asked, and in conversations one takes part in; the service token votes
for the person `user_id`, who saw the answer in a channel.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from brain.api.deps import TheBrain, TheCaller
from brain.api.visiting import person_named
from brain.chat.admission import Caller
from brain.chat.errors import UnknownAsk
from brain.jobs.job import Job
from brain.people.feedback import Rated, Verdict
from brain.wiring import Brain
from shared.errors import BoundaryError, InvalidRequest
from shared.protocol import Done, Id
from shared.tracing import request_id_for

router = APIRouter(prefix="/api/feedback", tags=["people"])
MAX_COMMENT = 2000
UserId = Annotated[str | None, Query(max_length=128)]


class Vote(BaseModel):
    """What somebody thinks of an answer."""

    model_config = ConfigDict(extra="ignore")

    request_id: Id | None = None
    ask_id: Id | None = None
    client_id: Id | None = None
    user_id: Annotated[str | None, Field(max_length=128)] = None
    verdict: Verdict
    comment: Annotated[str | None, Field(max_length=MAX_COMMENT)] = None


@router.post("")
async def vote(body: Vote, caller: TheCaller, brain: TheBrain) -> dict[str, Any]:
    """Keep a vote; a second one of the same person replaces it. Answers of the last seven days."""
    person = await _person(body.user_id, caller, brain)
    rated = await _rated(_request_id(body, caller), caller, brain)
    await brain.feedback.give(person, rated, body.verdict, body.comment)
    return {
        "request_id": rated.request_id,
        "verdict": body.verdict,
        "route": rated.route,
        "model": rated.model,
    }


@router.delete("")
async def take_back(
    caller: TheCaller,
    brain: TheBrain,
    verdict: Verdict,
    request_id: Annotated[str | None, Query(max_length=128)] = None,
    ask_id: Annotated[str | None, Query(max_length=128)] = None,
    client_id: Annotated[str | None, Query(max_length=128)] = None,
    user_id: UserId = None,
) -> dict[str, bool]:
    """Take a vote back, unless it was changed meanwhile; whether there was one."""
    person = await _person(user_id, caller, brain)
    named = Vote(request_id=request_id, ask_id=ask_id, client_id=client_id, verdict=verdict)
    wanted = _request_id(named, caller)
    return {"deleted": await brain.feedback.take_back(person, wanted, verdict)}


async def _person(user_id: str | None, caller: Caller, brain: Brain) -> str:
    if caller.kind == "user":
        return caller.user_id
    if not user_id:
        raise InvalidRequest("Please correct `user_id`: say for whom this is.")
    return (await person_named(user_id, caller, brain)).user_id


def _request_id(vote: Vote, caller: Caller) -> str:
    if vote.request_id:
        return vote.request_id
    if vote.ask_id and vote.client_id:
        return request_id_for(caller.principal, vote.client_id, vote.ask_id)
    raise InvalidRequest("Please correct `request_id`: name the answer, or `ask_id`, `client_id`.")


async def _rated(request_id: str, caller: Caller, brain: Brain) -> Rated:
    """Raises `UnknownAsk` for what is no answer, is forgotten, or is none of the caller's."""
    stored = await brain.desk.find(request_id)
    if not isinstance(stored.end, Done) or stored.end.model is None:
        raise UnknownAsk
    if caller.kind == "user" and not await _took_part(stored.job, caller, brain):
        raise UnknownAsk
    return Rated(request_id, stored.end.route, stored.end.model)


async def _took_part(job: Job, caller: Caller, brain: Brain) -> bool:
    if job.user_id == caller.user_id:
        return True
    try:
        await brain.shelf.checked(job.conversation, reader=caller.user_id)
    except BoundaryError as refusal:
        if refusal.status in (403, 404):
            return False
        raise
    return True
