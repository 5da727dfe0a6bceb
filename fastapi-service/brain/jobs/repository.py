"""
The rows of the `jobs` table.

pk                             sk       what
<request id>                   job      the job, its state and, once ended, the end frame
open                           <order>  which request ids have not ended
unshown#<principal>#<client>   <ask id> which end frames the client has not acknowledged
brain                          -        a counter: each brain that starts takes the next number

The number of a brain is written into every job it holds. All later writes to the job ask for that
number, so a brain that has been replaced can no longer change anything (a fencing token).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from brain.jobs.errors import Superseded
from brain.jobs.job import Job
from shared.clock import Clock
from shared.protocol import Done, End, Failed
from shared.store import (
    MAX_WRITES,
    Absent,
    Change,
    ConditionFailed,
    Delete,
    Key,
    Matches,
    Put,
    Store,
    Write,
)

TABLE = "jobs"
NUMBER = Key(TABLE, "brain")
KEEP_ENDED_SECONDS = 7 * 24 * 3600.0
"""How long a finished ask is remembered, so that sending it again gives the same end frame."""

OPEN = "open"
PASSING = "v1:"
"""Clients of this prefix wait for one answer and never come back for it."""
State = Literal["waiting", "running", "ended"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A job as the store has it."""

    job: Job
    state: State
    attempts: int
    end: End | None = None


class JobRepository:
    """Reads and writes jobs for one brain."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._owner = 0

    async def take_over(self) -> list[Stored]:
        """
        Become the owner of every open job and return them in order; `attempts` as they stood.

        A brain that held them before can change none of them from here on.
        """
        self._owner = await self._store.add(NUMBER, "number", 1)
        return await self.adopt(lambda _: False)

    async def adopt(self, known: Callable[[str], bool]) -> list[Stored]:
        """
        Take the open jobs that are not `known`, in order.

        There are some after a restart, and after a write that happened although the store said it
        did not. Raises `Superseded` when another brain has started meanwhile.
        """
        number = await self._store.get(NUMBER)
        if number is not None and number["number"] != self._owner:
            raise Superseded
        found = []
        for row in await self._store.query(TABLE, OPEN):
            request_id = str(row.item["request_id"])
            if known(request_id):
                continue
            stored = await self.get(request_id)
            if stored is None or stored.state == "ended":
                await self._store.write(Delete(Key(TABLE, OPEN, row.sk)))
            elif not known(request_id):
                await self._store.write(
                    self._claim(stored.job, state="waiting", attempts=stored.attempts)
                )
                found.append(stored)
        return found

    async def get(self, request_id: str) -> Stored | None:
        """The job of that request, or None when there is none (any more)."""
        item = await self._store.get(_job_key(request_id))
        return None if item is None else _stored(item)

    async def add(self, job: Job, *, running: bool) -> bool:
        """Keep a new job, waiting or already taken; False when this request is there already."""
        state: State = "running" if running else "waiting"
        item = job.to_item() | {"state": state, "attempts": int(running), "owner": self._owner}
        try:
            await self._store.write(
                Put(_job_key(job.request_id), item, when=Absent()),
                Put(_open_key(job), {"request_id": job.request_id}),
            )
        except ConditionFailed:
            return False
        return True

    async def take(self, job: Job, *, attempts: int) -> None:
        """Mark a waiting job as running for the `attempts`-th time. Raises `Superseded`."""
        await self._owned(self._claim(job, state="running", attempts=attempts, mine=True))

    async def give_back(self, job: Job, *, attempts: int) -> None:
        """Mark a running job as waiting again. Raises `Superseded`."""
        await self._owned(self._claim(job, state="waiting", attempts=attempts, mine=True))

    async def heartbeat(self, job: Job) -> None:
        """Say that the job is being worked on. Raises `Superseded`."""
        await self._owned(
            Change(
                _job_key(job.request_id),
                set={"heartbeat_at": self._clock.now()},
                when=Matches({"owner": self._owner}),
            )
        )

    async def end(self, job: Job, end: End, *, also: Sequence[Write] = ()) -> None:
        """
        Keep the end frame and whatever belongs to it (`also`), all at once.

        May be repeated: the same end written twice is one end. Raises `Superseded` when the job is
        no longer ours and `ConditionFailed` (index into `also`) when one of those was refused.
        """
        expires_at = self._clock.now() + KEEP_ENDED_SECONDS
        own: list[Write] = [
            Put(
                _job_key(job.request_id),
                _ended_item(job, end, self._owner),
                when=Matches({"owner": self._owner}),
                expires_at=expires_at,
            ),
            Delete(_open_key(job)),
        ]
        if job.client_id and not job.client_id.startswith(PASSING):
            own.append(
                Put(_unshown_key(job), {"request_id": job.request_id}, expires_at=expires_at)
            )
        try:
            await self._store.write(*own, *also)
        except ConditionFailed as refused:
            if refused.index < len(own):
                raise Superseded from refused
            raise ConditionFailed(refused.index - len(own)) from refused

    async def unshown(self, principal: str, client_id: str) -> list[End]:
        """The end frames this client has not acknowledged, in the order of their asks."""
        found = []
        for row in await self._store.query(TABLE, _unshown_pk(principal, client_id)):
            stored = await self.get(str(row.item["request_id"]))
            if stored is not None and stored.end is not None:
                found.append((stored.job.order, stored.end))
        return [end for _, end in sorted(found, key=lambda numbered: numbered[0])]

    async def shown(self, principal: str, client_id: str, ask_ids: Sequence[str]) -> None:
        """Forget that these jobs' end frames were waiting to be acknowledged."""
        pk = _unshown_pk(principal, client_id)
        for batch in batched(sorted(set(ask_ids)), MAX_WRITES):
            await self._store.write(*(Delete(Key(TABLE, pk, ask_id)) for ask_id in batch))

    def erase(self, request_id: str, *, principal: str, client_id: str, ask_id: str) -> list[Write]:
        """The writes that forget an ended request and its end frame."""
        unshown = Key(TABLE, _unshown_pk(principal, client_id), ask_id)
        return [Delete(_job_key(request_id)), Delete(unshown)]

    def _claim(self, job: Job, *, state: State, attempts: int, mine: bool = False) -> Change:
        return Change(
            _job_key(job.request_id),
            set={
                "state": state,
                "attempts": attempts,
                "owner": self._owner,
                "heartbeat_at": self._clock.now(),
            },
            when=Matches({"owner": self._owner} if mine else {}),
        )

    async def _owned(self, write: Write) -> None:
        try:
            await self._store.write(write)
        except ConditionFailed as refused:
            raise Superseded from refused


def _stored(item: dict[str, Any]) -> Stored:
    end = item.get("end")
    return Stored(
        job=Job.from_item(item),
        state=item["state"],
        attempts=int(item["attempts"]),
        end=None if end is None else _end_frame(end),
    )


def _end_frame(body: dict[str, Any]) -> End:
    return Done.model_validate(body) if body["type"] == "done" else Failed.model_validate(body)


def _ended_item(job: Job, end: End, owner: int) -> dict[str, Any]:
    # The question now stands in the conversation; keeping it twice could pass the size limit.
    item = job.to_item() | {"text": "", "options": {}}
    return item | {"state": "ended", "attempts": 0, "owner": owner, "end": end.model_dump()}


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """`items` in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _place(order: int) -> str:
    return f"{order:020d}"


def _job_key(request_id: str) -> Key:
    return Key(TABLE, request_id, "job")


def _open_key(job: Job) -> Key:
    return Key(TABLE, OPEN, _place(job.order))


def _unshown_pk(principal: str, client_id: str) -> str:
    return f"unshown#{principal}#{client_id}"


def _unshown_key(job: Job) -> Key:
    return Key(TABLE, _unshown_pk(job.principal, job.client_id), job.ask_id)
