"""The door's side of `/v1`: a request lives exactly as long as somebody waits for its answer."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from brain.chat.admission import Caller, new_ask_id
from brain.chat.completion import Completion, Offer, Request
from brain.chat.desk import Desk
from brain.chat.outbox import Outboxes, Reader
from brain.chat.worker import Worker
from shared.protocol import Ask, AskOptions, ToClient
from shared.tracing import request_id_for

CLIENT_PREFIX = "v1:"
"""The ids of clients that wait for one answer and never come back for it."""


class Line:
    """A request under way as its door sees it."""

    def __init__(self, request_id: str, reader: Reader) -> None:
        self.request_id = request_id
        self._reader = reader

    async def next_frames(self) -> Sequence[ToClient]:
        """Wait for news; each frame comes once, the last one is a `Completed` or a `Failed`."""
        numbered = await self._reader.next_frames()
        self._reader.acknowledge(numbered[-1][0])
        return [frame for _, frame in numbered]


class CompletionDesk:
    """Takes requests of `/v1`."""

    def __init__(
        self, *, desk: Desk, worker: Worker, outboxes: Outboxes, completion: Completion
    ) -> None:
        self._desk = desk
        self._worker = worker
        self._outboxes = outboxes
        self._completion = completion

    def offers(self) -> list[Offer]:
        """The models that a program may name now, by name."""
        return self._completion.offers()

    @asynccontextmanager
    async def ask(self, request: Request, caller: Caller) -> AsyncIterator[Line]:
        """
        Queue `request`; leaving before its end cancels it, wherever it is.

        Raises what `Completion.check` and `Desk.submit` raise.
        """
        self._completion.check(request)
        client_id = CLIENT_PREFIX + secrets.token_urlsafe(16)
        ask = Ask(
            ask_id=new_ask_id(),
            conversation_id=client_id,  # of its own: requests do not wait for each other
            text="",
            options=AskOptions(model=None if request.is_routed else request.script.model),
        )
        request_id = request_id_for(caller.principal, client_id, ask.ask_id)
        reader = self._outboxes.of(caller.principal, client_id).greet(None, 0)
        try:
            with self._completion.expecting(request_id, request):
                await self._desk.submit(
                    ask, caller, client_id=client_id, surface="api", kind="completion"
                )
                yield Line(request_id, reader)
        finally:
            self._worker.cancel(request_id)
            reader.leave()
            self._outboxes.forget(caller.principal, client_id)
