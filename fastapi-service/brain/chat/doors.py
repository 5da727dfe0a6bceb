"""
One conversation, two doors (docs/decisions/0016).

A Discord conversation of a linked person is reached from the browser by its own id. The other way
round, a Discord thread is attached to a conversation: from then on what is asked there belongs to
it. Each door learns once that the other one is there; answers go only to the door that asked.
"""

from brain.chat.admission import Caller
from brain.chat.identities import Person
from brain.chat.outbox import Outboxes
from brain.context.attached import Attached, Attachings
from brain.context.conversation import DISCORD_PREFIX, Conversation, key_of
from brain.context.errors import ConversationForbidden
from brain.context.shelf import Shelf
from brain.jobs.job import Job
from shared.clock import Clock
from shared.errors import BoundaryError, InvalidRequest, NotFound
from shared.protocol import Notice

ATTACHED = "conversation.attached"
DETACHED = "conversation.detached"
EACH_ITS_OWN = "Answers go to where a question is asked."
REMEMBERED = 10_000
BOT = "service"
"""Under which name the bot's sessions are found."""


class NotAttached(NotFound):
    """There is nothing to detach."""

    def __init__(self) -> None:
        super().__init__("No Discord thread is attached to this conversation.")


class Doors:
    """Attaches threads, and tells each door of the other."""

    def __init__(
        self, attachings: Attachings, shelf: Shelf, outboxes: Outboxes, *, clock: Clock
    ) -> None:
        self._attachings = attachings
        self._shelf = shelf
        self._outboxes = outboxes
        self._clock = clock
        self._told: set[str] = set()
        """Keys of conversations of which both doors have been told."""

    async def attach(
        self, key: str, place: str, *, person: Person, vouched: bool, shared: bool
    ) -> Attached:
        """
        Let the thread `place` go on with the conversation `key` of `person`.

        `vouched`: the bot says that the person is in that thread; otherwise it must be one in which
        they asked first. Raises `NotFound`, `ConversationForbidden`, `InvalidRequest`.
        """
        if key.startswith(DISCORD_PREFIX):
            raise InvalidRequest(
                "Please choose a conversation from the browser: those from Discord are in both "
                "places already."
            )
        conversation = await self._shelf.checked(key, owner=person.user_id)
        await self._check_place(place, person, vouched=vouched)
        attached = Attached(place, key, person.user_id, shared, self._clock.now())
        await self._attachings.attach(attached)
        name = _name(conversation, person.user_id)
        theirs = f"This thread is now connected with a conversation of {name} in the browser."
        who = "Everybody here may ask." if shared else f"Only {name} may ask here."
        self._tell_bot(ATTACHED, f"{theirs} {who} {EACH_ITS_OWN}", place)
        ours = "A Discord thread is now connected with this conversation."
        self._tell(person.user_id, ATTACHED, f"{ours} {EACH_ITS_OWN}", key)
        return attached

    async def detach(self, key: str, *, person: str | None, place: str | None = None) -> list[str]:
        """
        Let threads be by themselves again, all or one; those that now are.

        Raises `ConversationForbidden` unless `person` began the conversation or is None (operator),
        `NotAttached`, `NotFound`.
        """
        await self._shelf.checked(key, owner=person)
        found = await self._attachings.of(key)
        leaving = [one for one in found if place in (None, one.place)]
        if not leaving:
            raise NotAttached
        for one in leaving:
            await self._attachings.detach(one.place)
            self._tell_bot(DETACHED, "This thread is by itself again.", one.place)
        if len(leaving) == len(found):
            await self._shelf.closed_door(key, "discord")
        ours = "A Discord thread is no longer connected with this conversation."
        self._tell(leaving[0].owner, DETACHED, ours, key)
        return [one.place for one in leaving]

    async def joined(self, job: Job) -> None:
        """A person asked in a Discord conversation from elsewhere; told once to both doors."""
        key = job.conversation
        if job.surface != "web" or not key.startswith(DISCORD_PREFIX) or key in self._told:
            return
        try:
            conversation = await self._shelf.checked(key)
        except BoundaryError:
            return  # the question is taken all the same; it is told with the next one
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told.add(key)
        if "web" in conversation.doors:
            return
        name = _name(conversation, job.user_id)
        self._tell_bot(
            ATTACHED, f"{name} goes on with this conversation in the browser. {EACH_ITS_OWN}", key
        )
        self._tell(job.user_id, ATTACHED, f"This conversation is in Discord. {EACH_ITS_OWN}", key)

    async def id_for(self, user_id: str, key: str) -> str | None:
        """The id by which `user_id` reaches the conversation with this key; None: not any more."""
        own = key_of("", user_id=user_id)
        if key.startswith(own):
            return key.removeprefix(own)
        places = await self._attachings.of(key)
        if key.startswith(DISCORD_PREFIX):
            return None if await self._attachings.at(key) else key
        return places[0].place if places else None

    async def key_behind(self, key: str) -> str:
        """What the thread with this key goes on with; else the key itself."""
        attached = await self._attachings.at(key)
        return key if attached is None else attached.conversation

    async def _check_place(self, place: str, person: Person, *, vouched: bool) -> None:
        before = await self._attachings.at(place)
        if before is not None and before.owner != person.user_id and not person.is_admin:
            raise ConversationForbidden(
                "attach this thread: it is connected with a conversation of somebody else"
            )
        try:
            own = None if person.is_admin else person.user_id
            await self._shelf.checked(place, owner=own)
        except NotFound as empty:
            if not (vouched or person.is_admin):
                raise ConversationForbidden(
                    "attach a thread in which you have not asked yet; please type /link there"
                ) from empty
        except ConversationForbidden as other:
            raise ConversationForbidden(
                "attach this thread; only the person who asked here first and admins may"
            ) from other

    def _tell_bot(self, code: str, message: str, place: str) -> None:
        self._outboxes.put_to_all_of(BOT, Notice(code=code, message=message, conversation_id=place))

    def _tell(self, user_id: str, code: str, message: str, key: str) -> None:
        own_id = key.removeprefix(key_of("", user_id=user_id))
        principal = Caller("user", user_id=user_id).principal
        notice = Notice(code=code, message=message, conversation_id=own_id)
        self._outboxes.put_to_all_of(principal, notice)


def _name(conversation: Conversation, user_id: str) -> str:
    return conversation.participants.get(user_id) or "somebody"
