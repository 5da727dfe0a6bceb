"""The same path as the socket without streaming: ask, look, cancel."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from brain.api.deps import TheBrain, TheCaller
from brain.chat.admission import Caller, new_ask_id
from brain.chat.errors import UnknownAsk
from brain.jobs.repository import Stored
from brain.wiring import Brain
from shared.protocol import Ask, AskOptions, Attachment, Failed, Id, Surface

router = APIRouter(prefix="/api/discord", tags=["asks"])


class AskBody(BaseModel):
    """The fields of an `ask` frame; `ask_id` is made when it is missing."""

    model_config = ConfigDict(extra="ignore")

    ask_id: Id | None = None
    user_id: Annotated[str | None, Field(max_length=128)] = None
    user_name: Annotated[str | None, Field(max_length=128)] = None
    conversation_id: Id
    text: str
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []
    options: AskOptions = AskOptions()
    surface: Surface | None = None


class Accepted(BaseModel):
    """Where the ask stands right after it was taken."""

    request_id: str
    ask_id: str
    status: str
    position: int


@router.post("/message", status_code=202)
async def message(body: AskBody, caller: TheCaller, brain: TheBrain) -> Accepted:
    """Queue a question."""
    ask = Ask(
        ask_id=body.ask_id or new_ask_id(),
        user_id=body.user_id,
        user_name=body.user_name,
        conversation_id=body.conversation_id,
        text=body.text,
        attachments=body.attachments,
        options=body.options,
        surface=body.surface,
    )
    surface: Surface = "discord" if caller.kind == "service" else "api"
    job, placed = await brain.desk.submit(ask, caller, client_id="", surface=surface)
    status = "queued" if placed.end is None else placed.end.type
    return Accepted(
        request_id=job.request_id, ask_id=job.ask_id, status=status, position=placed.position
    )


@router.get("/status/{request_id}")
async def status(request_id: str, caller: TheCaller, brain: TheBrain) -> dict[str, Any]:
    """The end frame's fields once ended; until then the state and the place in the queue."""
    return _report(await _own(request_id, caller, brain), brain)


@router.delete("/cancel/{request_id}")
async def cancel(request_id: str, caller: TheCaller, brain: TheBrain) -> dict[str, Any]:
    """Stop a request; one that has ended stays as it is."""
    own = await _own(request_id, caller, brain)
    ended = await brain.desk.stop(request_id) if own.end is None else own
    if ended is not None:
        return _report(ended, brain)
    return {"request_id": request_id, "ask_id": own.job.ask_id, "status": "cancelling"}


async def _own(request_id: str, caller: Caller, brain: Brain) -> Stored:
    stored = await brain.desk.find(request_id)
    if not caller.is_operator and stored.job.user_id != caller.user_id:
        raise UnknownAsk  # whether it exists is none of the caller's business
    return stored


def _report(stored: Stored, brain: Brain) -> dict[str, Any]:
    job = stored.job
    report: dict[str, Any] = {"request_id": job.request_id, "ask_id": job.ask_id}
    match stored.end:
        case None if stored.state == "running":
            return report | {"status": "running"}
        case None:
            return report | {"status": "queued", "position": brain.desk.position(job.request_id)}
        case Failed(code="chat.cancelled") as end:
            return report | end.model_dump(exclude={"type"}) | {"status": "cancelled"}
        case end:
            return report | end.model_dump(exclude={"type"}) | {"status": end.type}
