"""What the brain knows of a person: budget, preferences, history. And how it forgets them."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from brain.api.deps import TheBrain, TheCaller
from brain.api.visiting import learn_links, learn_links_now, person_named
from brain.budget.ledger import Tier
from brain.chat.admission import Caller
from brain.chat.identities import Person, with_prefix
from brain.people.history import Asked
from brain.people.preferences import Preferences
from brain.wiring import Brain
from shared.clock import iso
from shared.errors import Forbidden

router = APIRouter(prefix="/api/user", tags=["people"])
UserId = Annotated[str, Path(min_length=1, max_length=128)]
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str | None, Query(max_length=100)]


@router.get("/{user_id}", dependencies=[Depends(learn_links)])
async def show(user_id: UserId, caller: TheCaller, brain: TheBrain) -> dict[str, Any]:
    """The person's week, what they prefer and how many conversations they take part in."""
    person = await _person(user_id, caller, brain)
    standing = await brain.budget.standing(person.user_id, await _tier(person, brain))
    return {
        "user_id": person.user_id,
        "tier": standing.tier,
        "used": standing.used,
        "reserved": standing.reserved,
        "limit": standing.limit,
        "bonus": standing.bonus,
        "enforced": brain.budget.enabled,
        "resets_at": standing.resets_at,
        "preferences": (await brain.preferences.of(person.user_id)).model_dump(),
        "conversations": len(await brain.shelf.listed(person.user_id)),
    }


@router.patch("/{user_id}/preferences")
async def prefer(
    user_id: UserId, wishes: Preferences, caller: TheCaller, brain: TheBrain
) -> dict[str, Any]:
    """Keep the fields that are sent; null means the default again. Answers what holds now."""
    person = await _person(user_id, caller, brain)
    return {"preferences": (await brain.preferences.change(person.user_id, wishes)).model_dump()}


@router.get("/{user_id}/history")
async def history(
    user_id: UserId,
    caller: TheCaller,
    brain: TheBrain,
    limit: Limit = 50,
    after: After = None,
) -> dict[str, Any]:
    """The requests of the last ninety days that have ended, the newest first; never the words."""
    person = await _person(user_id, caller, brain)
    asks, following = await brain.history.page(person.user_id, limit=limit, after=after)
    shown = [await _shown(asked, person.user_id, brain) for asked in asks]
    return {"asks": shown, "next": following}


@router.delete("/{user_id}", dependencies=[Depends(learn_links_now)])
async def forget(user_id: UserId, caller: TheCaller, brain: TheBrain) -> dict[str, Any]:
    """
    Forget me: everything but the account itself, which the auth service keeps.

    Also of somebody who is disabled: the auth service asks for it when it removes them.
    """
    _check(user_id, caller)
    if user_id != caller.user_id:
        user_id = (await brain.identities.resolve(with_prefix(user_id))).user_id
    return {"deleted": asdict(await brain.forgetting.forget(user_id))}


async def _person(user_id: str, caller: Caller, brain: Brain) -> Person:
    """Whom `user_id` means, if that is the caller's business. Raises `Forbidden`."""
    _check(user_id, caller)
    if user_id == caller.user_id:
        return Person(user_id, is_admin=caller.role == "admin")
    return await person_named(user_id, caller, brain)


def _check(user_id: str, caller: Caller) -> None:
    if user_id != caller.user_id and not caller.is_operator:
        raise Forbidden("You may see and change only what is your own.")


async def _tier(person: Person, brain: Brain) -> Tier:
    """An account's role stands in its token; of others the last request tells it."""
    if person.is_admin:
        return "admin"
    last, _ = await brain.history.page(person.user_id, limit=1)
    return "admin" if any(asked.by_admin for asked in last) else "free"


async def _shown(asked: Asked, user_id: str, brain: Brain) -> dict[str, Any]:
    conversation = None
    if asked.kind != "completion":
        conversation = await brain.doors.id_for(user_id, asked.conversation)
    return {
        "request_id": asked.request_id,
        "kind": asked.kind,
        "at": iso(asked.at),
        "end": asked.end,
        "route": asked.route,
        "model": asked.model,
        "input_tokens": asked.input_tokens,
        "output_tokens": asked.output_tokens,
        "conversation_id": conversation,
    }
