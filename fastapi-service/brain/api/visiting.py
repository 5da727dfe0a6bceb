"""Which conversation a path means, and who is there."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Path, Query, Request

from brain.api.deps import TheBrain, TheCaller
from brain.chat.admission import AccountDisabled, Caller
from brain.chat.identities import OWN_SECONDS, Person, with_prefix
from brain.context.conversation import DISCORD_PREFIX, in_discord, key_of
from brain.wiring import Brain
from shared.errors import InvalidRequest
from shared.tokens import bearer

ConversationId = Annotated[str, Path(min_length=1, max_length=128)]
UserId = Annotated[str | None, Query(min_length=1, max_length=128)]


@dataclass(frozen=True, slots=True)
class Visit:
    """
    The conversation with this `key`; `person` None is an operator. `place` is the Discord thread
    that was named where it only goes on with that conversation.
    """

    key: str
    person: str | None
    place: str | None = None


async def visit(conversation_id: str, caller: Caller, brain: Brain, user_id: str | None) -> Visit:
    """`conversation_id` as `caller` means it; `user_id` is for whom a service or an admin calls."""
    if caller.kind == "service":
        named, person = in_discord(conversation_id), None
        if user_id is not None:
            found = await person_named(user_id, caller, brain)
            person = None if found.is_admin else found.user_id
    elif caller.is_operator:
        named, person = key_of(conversation_id, user_id=user_id or caller.user_id), None
    else:
        named, person = key_of(conversation_id, user_id=caller.user_id), caller.user_id
    key = await brain.doors.key_behind(named) if named.startswith(DISCORD_PREFIX) else named
    return Visit(key, person, place=None if key == named else named)


async def learn_links(request: Request, caller: TheCaller, brain: TheBrain) -> None:
    """Before a person looks at what is theirs: what they did in Discord is, too, once linked."""
    await _learn(request, caller, brain, at_most_every=OWN_SECONDS)


async def learn_links_now(request: Request, caller: TheCaller, brain: TheBrain) -> None:
    """Before a person is forgotten: also what they linked a moment ago."""
    await _learn(request, caller, brain, at_most_every=0.0)


async def person_for(caller: Caller, brain: Brain, user_id: str | None) -> Person:
    """The person themselves: who signed in, or for whom one of our services calls."""
    if caller.kind == "user":
        if user_id not in (None, caller.user_id):
            raise InvalidRequest("Please leave out `user_id`: this can be done to one's own only.")
        return Person(caller.user_id, is_admin=caller.role == "admin")
    if user_id is None:
        raise InvalidRequest("Please correct `user_id`: field required.")
    return await person_named(user_id, caller, brain)


async def person_named(user_id: str, caller: Caller, brain: Brain) -> Person:
    """
    Whom `user_id` means, after links were followed.

    Raises `AccountDisabled` where a service calls for somebody who is disabled; an operator may
    look at what is theirs.
    """
    person = await brain.identities.resolve(with_prefix(user_id))
    is_disabled = person.is_disabled or brain.verifier.is_disabled(person.user_id)
    if is_disabled and caller.kind == "service":
        raise AccountDisabled
    return person


async def _learn(request: Request, caller: Caller, brain: Brain, *, at_most_every: float) -> None:
    token = bearer(request.headers.get("authorization"))
    if caller.kind == "user" and token is not None:
        person = Person(caller.user_id, is_admin=caller.role == "admin")
        await brain.identities.look_up_own(person, token, at_most_every=at_most_every)
