"""
A conversation from the browser that also goes on in a Discord thread, and no longer.

The service token says for whom with `?user_id=` and vouches that this person is in the thread; with
a sign-in it must be a thread in which one asked first.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from brain.api import conversations
from brain.api.deps import TheBrain, TheCaller
from brain.api.visiting import ConversationId, UserId, person_for
from brain.context.conversation import in_discord, key_of
from shared.clock import iso
from shared.protocol import Id

router = APIRouter(prefix="/api/conversations", tags=["conversations"])
Thread = Annotated[str | None, Query(min_length=1, max_length=128)]


class Attach(BaseModel):
    """Which thread, and whether others there may ask, too; they then read all that was said."""

    model_config = ConfigDict(extra="ignore")

    discord_conversation_id: Id
    shared: bool = False


@router.post("/{conversation_id:path}/attach", status_code=201)
async def attach(
    conversation_id: ConversationId,
    body: Attach,
    caller: TheCaller,
    brain: TheBrain,
    user_id: UserId = None,
) -> dict[str, Any]:
    """From now on what is asked in that thread belongs to this conversation."""
    person = await person_for(caller, brain, user_id)
    attached = await brain.doors.attach(
        key_of(conversation_id, user_id=person.user_id),
        in_discord(body.discord_conversation_id),
        person=person,
        vouched=caller.kind == "service",
        shared=body.shared,
    )
    return {
        "conversation_id": conversation_id,
        "discord_conversation_id": attached.place,
        "shared": attached.shared,
        "at": iso(attached.at),
    }


@router.delete("/{conversation_id:path}/attach")
async def detach(
    conversation_id: ConversationId,
    request: Request,
    caller: TheCaller,
    brain: TheBrain,
    user_id: UserId = None,
    discord_conversation_id: Thread = None,
) -> dict[str, Any]:
    """All its threads, or the one that is named, are by themselves again."""
    if not request.scope["raw_path"].endswith(b"/attach"):
        whole = f"{conversation_id}/attach"  # an id that ends like this, percent-encoded
        return await conversations.delete(whole, caller, brain, user_id)
    person = await person_for(caller, brain, user_id)
    place = None if discord_conversation_id is None else in_discord(discord_conversation_id)
    key = key_of(conversation_id, user_id=person.user_id)
    detached = await brain.doors.detach(key, person=person.user_id, place=place)
    return {"conversation_id": conversation_id, "detached": detached}
