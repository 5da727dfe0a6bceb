"""What can be done to a whole conversation at once: reset and close."""

from brain.context.repository import ConversationRepository
from brain.context.shelf import Shelf
from brain.jobs.job import Job
from shared.protocol import Done

SENTENCES = {
    "reset": "This conversation starts anew; what was said before is forgotten.",
    "close": "This conversation is closed and what was said in it is deleted.",
}


class Orders:
    """Carries out a reset or close once everything asked before it there has ended."""

    def __init__(self, conversations: ConversationRepository, shelf: Shelf) -> None:
        self._conversations = conversations
        self._shelf = shelf

    async def carry_out(self, job: Job) -> Done:
        """
        Forget what was said and return the end frame.

        Raises `ConversationForbidden` unless the person began the conversation or is an admin.
        """
        conversation = await self._conversations.load(job.conversation, entries=1)
        if not job.by_admin:
            conversation.check_owner(job.user_id)
        await self._conversations.reset(conversation)
        await self._shelf.untitle(conversation.key, conversation.participants)
        return Done(ask_id=job.ask_id, request_id=job.request_id, text=SENTENCES[job.kind])
