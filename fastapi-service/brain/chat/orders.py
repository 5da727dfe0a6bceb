"""What can be done to a whole conversation at once: reset and close. They do not queue."""

from brain.context.repository import ConversationRepository
from brain.jobs.job import Job
from brain.jobs.repository import JobRepository
from shared.protocol import Done, End

SENTENCES = {
    "reset": "This conversation starts anew; what was said before is forgotten.",
    "close": "This conversation is closed and what was said in it is deleted.",
}


class Orders:
    """Carries out resets and closes, each once however often it is sent."""

    def __init__(self, jobs: JobRepository, conversations: ConversationRepository) -> None:
        self._jobs = jobs
        self._conversations = conversations

    async def carry_out(self, job: Job, *, by_operator: bool) -> End:
        """
        Reset or close and return the end frame.

        Raises `ConversationForbidden` unless the person began the conversation or is an admin.
        """
        before = await self._jobs.get(job.request_id)
        if before is not None and before.end is not None:
            return before.end
        conversation = await self._conversations.load(job.conversation, entries=1)
        if not by_operator:
            conversation.check_owner(job.user_id)
        await self._conversations.reset(conversation, user_id=job.user_id, user_name=job.user_name)
        end = Done(ask_id=job.ask_id, request_id=job.request_id, text=SENTENCES[job.kind])
        await self._jobs.add_ended(job, end)
        return end
