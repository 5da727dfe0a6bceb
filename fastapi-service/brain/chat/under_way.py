"""What is being asked in a conversation right now: waiting or answered, not ended yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from brain.jobs.job import Job
from brain.jobs.queue import JobQueue


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A question without its end; `position` (1 = next) while it waits."""

    job: Job
    position: int | None


def under_way_in(queue: JobQueue, conversation: str) -> list[UnderWay]:
    """The open questions of the conversation with this key, in their order."""
    found = [
        UnderWay(job, position)
        for position, job in enumerate(queue.waiting(), start=1)
        if job.conversation == conversation
    ]
    found += [UnderWay(job, None) for job in queue.running() if job.conversation == conversation]
    asks = [one for one in found if one.job.kind == "ask"]
    return sorted(asks, key=lambda one: one.job.order)


def first_asks(queue: JobQueue, user_id: str, known: Sequence[str]) -> list[Job]:
    """The first open question of each conversation that `user_id` begins and is not `known`."""
    firsts: dict[str, Job] = {}
    for job in sorted(queue.of_user(user_id), key=lambda one: one.order):
        if job.kind == "ask" and job.conversation not in known:
            firsts.setdefault(job.conversation, job)
    return list(firsts.values())
