"""What can be done to a whole conversation at once: reset and close."""

from brain.chat.doors import Doors
from brain.context.attached import Attachings
from brain.context.repository import ConversationRepository
from brain.context.shelf import Shelf
from brain.jobs.job import Job
from shared.protocol import Done

SENTENCES = {
    "reset": "This conversation starts anew; what was said before is forgotten.",
    "close": "This conversation is closed and what was said in it is deleted.",
}
DETACHED = "This thread is closed. The conversation goes on in the browser."


class Orders:
    """Carries out a reset or close once everything asked before it there has ended."""

    def __init__(
        self,
        conversations: ConversationRepository,
        shelf: Shelf,
        attachings: Attachings,
        doors: Doors,
    ) -> None:
        self._conversations = conversations
        self._shelf = shelf
        self._attachings = attachings
        self._doors = doors

    async def carry_out(self, job: Job) -> Done:
        """
        Forget what was said and return the end frame.

        Closing a thread that goes on with another conversation only takes them apart. Raises
        `ConversationForbidden` unless the person began the conversation or is an admin.
        """
        attached = await self._attachings.at(job.conversation)
        if attached is not None:
            person = None if job.by_admin else job.user_id
            await self._doors.detach(attached.conversation, person=person, place=attached.place)
            return Done(ask_id=job.ask_id, request_id=job.request_id, text=DETACHED)
        conversation = await self._conversations.load(job.conversation, entries=1)
        if not job.by_admin:
            conversation.check_owner(job.user_id)
        await self._conversations.reset(conversation)
        await self._shelf.untitle(conversation.key, conversation.participants)
        return Done(ask_id=job.ask_id, request_id=job.request_id, text=SENTENCES[job.kind])
