"""Who waits and was told what: a place in the queue, and why if there is a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from brain.chat.outbox import Outboxes
from brain.jobs.job import Job
from shared.protocol import Status


@dataclass(slots=True)
class _Told:
    position: int = 0
    attempt: int = 1
    detail: str | None = None


class Positions:
    """Sends a `status` to everybody whose place has changed since they were last told."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes
        self._told: dict[str, _Told] = {}

    def watch(
        self, job: Job, *, told: int = 0, attempt: int = 1, detail: str | None = None
    ) -> None:
        """Tell this asker its place from now on; `told` is the one it knows already."""
        self._told[job.request_id] = _Told(told, attempt, detail)

    def forget(self, request_id: str) -> None:
        """It waits no more."""
        self._told.pop(request_id, None)

    def explain(self, job: Job, detail: str, *, attempt: int) -> None:
        """Say at once why this asker has to wait again."""
        self._send(job, _Told(attempt=attempt, detail=detail))

    def tell(self, waiting: Sequence[Job]) -> None:
        """`waiting` in the order in which work would start."""
        for position, job in enumerate(waiting, start=1):
            told = self._told.get(job.request_id)
            if told is not None and told.position != position:
                told.position = position
                self._send(job, told)

    def _send(self, job: Job, told: _Told) -> None:
        status = Status(
            ask_id=job.ask_id,
            stage="waiting",
            attempt=told.attempt,
            detail=told.detail,
            position=told.position or None,
        )
        self._outboxes.put(job.principal, job.client_id, status)
