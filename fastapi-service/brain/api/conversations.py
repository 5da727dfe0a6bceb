"""
A person's conversations: list, find, read, rename, delete, begin anew, shorten.

`{id}` is a Discord id (`discord:…`) or one the client made itself, which belongs to its owner. The
service token stands for Discord: its ids get that prefix, and with `?user_id=` it acts for that
person, without it as an operator. An admin may look at the conversations of `?user_id=`.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from brain.api.deps import TheBrain, TheCaller
from brain.api.jobs import Accepted
from brain.api.said import doors_told, opened_told
from brain.api.visiting import ConversationId, UserId, learn_links, person_named, visit
from brain.chat.admission import Caller, new_ask_id
from brain.chat.under_way import UnderWay, first_asks, under_way_in
from brain.context.conversation import DISCORD_PREFIX, Conversation, title_of
from brain.context.search import search
from brain.context.shelf import Listed, Opened
from brain.jobs.job import Job, Kind
from brain.wiring import Brain
from shared.clock import iso
from shared.errors import InvalidRequest, NotFound
from shared.protocol import Ask, Surface

router = APIRouter(prefix="/api/conversations", tags=["conversations"])
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str | None, Query(max_length=500)]
Words = Annotated[str, Query(max_length=200)]


class Renamed(BaseModel):
    """What a conversation is to be called; titles are cut at 80 characters."""

    model_config = ConfigDict(extra="ignore")

    title: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("", dependencies=[Depends(learn_links)])
async def listed(
    caller: TheCaller,
    brain: TheBrain,
    user_id: UserId = None,
    q: Words = "",
    limit: Limit = 50,
    after: After = None,
) -> dict[str, Any]:
    """
    The conversations a person takes part in, the last used first; with `q` those that hold all its
    words, in the title or in what was said of late in those used last.
    """
    whose = await _whose(caller, brain, user_id)
    if whose is None:
        raise InvalidRequest("Please correct `user_id`: field required.")
    every = await _every(whose, brain)
    found_in: dict[str, str] = {}
    if q.strip():
        hits = await search(every, q, brain.conversations)
        every = [hit.listed for hit in hits]
        found_in = {hit.listed.key: hit.found_in for hit in hits}
    page, following = _page(every, limit=limit, after=after)
    attached = await brain.attachings.conversations()
    conversations = [
        {
            "conversation_id": await brain.doors.id_for(whose, one.key),
            "title": one.title,
            "updated_at": iso(one.updated_at),
            "doors": doors_told(one.doors, attached=one.key in attached),
            **({"found_in": found_in[one.key]} if one.key in found_in else {}),
        }
        for one in page
    ]
    return {"conversations": conversations, "next": following}


@router.get("/{conversation_id:path}")
async def read(
    conversation_id: ConversationId,
    caller: TheCaller,
    brain: TheBrain,
    user_id: UserId = None,
    limit: Limit = 200,
    after: After = None,
) -> dict[str, Any]:
    """
    Who takes part and the newest messages, oldest first; `next` leads to older ones. What is asked
    there right now stands in `running`.
    """
    there = await visit(conversation_id, caller, brain, user_id)
    running = under_way_in(brain.queue, there.key)
    try:
        opened = await brain.shelf.open(there.key, reader=there.person, limit=limit, after=after)
    except NotFound:
        if not any(one.job.user_id == there.person for one in running):
            raise
        opened = _begun(there.key, running[0].job)
    return {
        "conversation_id": conversation_id,
        **await opened_told(opened, brain),
        "running": [_running(one) for one in running],
    }


@router.patch("/{conversation_id:path}")
async def rename(
    conversation_id: ConversationId,
    body: Renamed,
    caller: TheCaller,
    brain: TheBrain,
    user_id: UserId = None,
) -> dict[str, Any]:
    """Give it another title, for everybody who takes part."""
    there = await visit(conversation_id, caller, brain, user_id)
    title = title_of(body.title)
    if not title:
        raise InvalidRequest("Please correct `title`: it is empty.")
    await brain.shelf.rename(there.key, title, person=there.person)
    return {"conversation_id": conversation_id, "title": title}


@router.delete("/{conversation_id:path}")
async def delete(
    conversation_id: ConversationId, caller: TheCaller, brain: TheBrain, user_id: UserId = None
) -> dict[str, Any]:
    """
    Remove it for everybody who takes part. A Discord thread that only goes on with it is taken off.
    """
    there = await visit(conversation_id, caller, brain, user_id)
    if there.place is not None:
        await brain.doors.detach(there.key, person=there.person, place=there.place)
        return {"conversation_id": conversation_id, "deleted": False, "messages": 0}
    messages = await brain.shelf.delete(there.key, person=there.person)
    return {"conversation_id": conversation_id, "deleted": True, "messages": messages}


@router.post("/{conversation_id:path}/reset", status_code=202)
async def reset(
    conversation_id: ConversationId, caller: TheCaller, brain: TheBrain, user_id: UserId = None
) -> Accepted:
    """Forget what was said, once everything asked there before has ended."""
    there = await visit(conversation_id, caller, brain, user_id)
    if there.place or there.key.startswith(DISCORD_PREFIX):  # all others are their person's own
        await brain.shelf.checked(there.key, owner=there.person)
    return await _order("reset", conversation_id, caller, brain, user_id)


@router.post("/{conversation_id:path}/summarize", status_code=202)
async def summarize(
    conversation_id: ConversationId, caller: TheCaller, brain: TheBrain, user_id: UserId = None
) -> Accepted:
    """Shorten what was said; the summary is the text of the request's end."""
    there = await visit(conversation_id, caller, brain, user_id)
    await brain.shelf.checked(there.key, reader=there.person)
    return await _order("summarize", conversation_id, caller, brain, user_id)


async def _whose(caller: Caller, brain: Brain, user_id: str | None) -> str | None:
    if not caller.is_operator or user_id is None:
        return caller.user_id or None
    return (await person_named(user_id, caller, brain)).user_id


async def _order(
    kind: Kind, conversation_id: str, caller: Caller, brain: Brain, user_id: str | None
) -> Accepted:
    if caller.kind == "user" and caller.is_operator and user_id not in (None, caller.user_id):
        raise InvalidRequest("Please leave out `user_id`: this can be done to one's own only.")
    ask = Ask(ask_id=new_ask_id(), user_id=user_id, conversation_id=conversation_id, text="")
    surface: Surface = "discord" if caller.kind == "service" else "api"
    job, placed = await brain.desk.submit(ask, caller, client_id="", surface=surface, kind=kind)
    return Accepted(
        request_id=job.request_id, ask_id=job.ask_id, status="queued", position=placed.position
    )


async def _every(user_id: str, brain: Brain) -> list[Listed]:
    """The kept conversations, behind those whose first question is not answered yet."""
    kept = [
        one
        for one in await brain.shelf.listed(user_id)
        if await brain.doors.id_for(user_id, one.key) is not None
    ]
    begun = first_asks(brain.queue, user_id, [one.key for one in kept])
    news = [
        Listed(job.conversation, title_of(job.text), job.asked_at, (job.surface,)) for job in begun
    ]
    return sorted([*news, *kept], key=_place)


def _begun(key: str, job: Job) -> Opened:
    """A conversation whose first question is not answered yet."""
    conversation = Conversation(
        key=key,
        owner=job.user_id,
        participants={job.user_id: job.user_name},
        title=title_of(job.text),
        doors=(job.surface,),
    )
    return Opened(conversation, job.asked_at, job.asked_at, messages=(), next=None)


def _running(one: UnderWay) -> dict[str, Any]:
    job = one.job
    told: dict[str, Any] = {
        "ask_id": job.ask_id,
        "request_id": job.request_id,
        "text": job.text,
        "name": job.user_name,
        "surface": job.surface,
        "asked_at": iso(job.asked_at),
    }
    return told if one.position is None else told | {"position": one.position}


def _page(
    found: Sequence[Listed], *, limit: int, after: str | None
) -> tuple[Sequence[Listed], str | None]:
    """The `limit` conversations behind the place `after`, and the place of the last of them."""
    rest = [one for one in found if after is None or _place(one) > _read_place(after)]
    page = rest[:limit]
    following = "{:.6f} {}".format(*_place(page[-1])) if len(rest) > limit else None
    return page, following


def _place(one: Listed) -> tuple[float, str]:
    return (round(-one.updated_at, 6), one.key)


def _read_place(after: str) -> tuple[float, str]:
    try:
        moment, key = after.split(" ", 1)
        return float(moment), key
    except ValueError as invalid:
        raise InvalidRequest(
            "Please correct `after`: take it from `next` of the page before."
        ) from invalid
