"""
The answer to one request of `/v1/chat/completions`, whole or as a stream of events.

The request lives exactly as long as this: a client that closes the connection ends it, in the queue
as well as in the middle of a word. It is a response of its own and not a `StreamingResponse`,
because that leaves its generator to the garbage collector when it is cancelled while it sends.
"""

from collections.abc import Iterable
from typing import Any

import anyio
from fastapi import Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from brain.api.openai.asked import Asked, ReadFile
from brain.api.openai.errors import Reported, body_of, response_of
from brain.api.openai.told import STILL_HERE, Told, event
from brain.chat.admission import Caller
from brain.chat.completion import Completed, Request
from brain.chat.completion_desk import CompletionDesk, Line
from shared.clock import Clock
from shared.errors import BoundaryError, Upstream
from shared.protocol import Delta, Failed, Status, Thinking, ToClient

KEEP_ALIVE_SECONDS = 10.0
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class BrokenOff(Upstream):
    """The answer failed after some of it was sent, and what was sent cannot be taken back."""

    code = "backend.failed"

    def __init__(self, why: str) -> None:
        super().__init__(f"The answer broke off. {why}")


class Answer(Response):
    """Asks and answers when the server calls it."""

    def __init__(
        self,
        asked: Asked,
        caller: Caller,
        *,
        read: ReadFile,
        desk: CompletionDesk,
        clock: Clock,
    ) -> None:
        super().__init__()
        self._asked = asked
        self._caller = caller
        self._read = read
        self._desk = desk
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application this response is."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_leave_with_client, receive, tasks.cancel_scope)
            try:
                request = (await self._asked.with_files_read(self._read)).request()
            except BoundaryError as unfit:
                await response_of(unfit)(scope, receive, send)
            else:
                if request.streams:
                    await self._stream(request, send)
                else:
                    await (await self._whole(request))(scope, receive, send)
            tasks.cancel_scope.cancel()

    async def _whole(self, request: Request) -> Response:
        try:
            async with self._desk.ask(request, self._caller) as line:
                while True:
                    for frame in await line.next_frames():
                        match frame:
                            case Completed():
                                return JSONResponse(self._told(line, frame).whole(frame))
                            case Failed():
                                raise Reported(frame)
        except BoundaryError as failure:
            return response_of(failure)

    def _told(self, line: Line, end: Completed) -> Told:
        created = int(self._clock.now())
        return Told(line.request_id, created, end.model or "", rehearsal=end.rehearsal)

    async def _stream(self, request: Request, send: Send) -> None:
        wire = _Wire(send)
        try:
            async with self._desk.ask(request, self._caller) as line:
                told = Told(
                    line.request_id,
                    int(self._clock.now()),
                    self._asked.model,
                    with_usage=self._asked.include_usage,
                )
                telling = _Telling(told)
                while not telling.ended:
                    frames = None
                    with anyio.move_on_after(KEEP_ALIVE_SECONDS):
                        frames = await line.next_frames()
                    if frames is None:
                        await wire.write(STILL_HERE)
                    else:
                        await wire.write(b"".join(telling.events(frames)))
                if telling.failure is not None:
                    raise telling.failure
            await wire.end()
        except BoundaryError as failure:
            await wire.fail(failure)


class _Telling:
    """Turns frames into events, and knows what the client has got."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._begun = False
        self._attempt = 1
        self._sent_chars = 0
        self.ended = False
        self.failure: BoundaryError | None = None

    def events(self, frames: Iterable[ToClient]) -> Iterable[bytes]:
        """What to send for `frames`; a failure among them is kept in `failure` and ends it."""
        try:
            for frame in frames:
                yield from self._events(frame)
        except BoundaryError as failure:
            self.failure = failure
            self.ended = True

    def _events(self, frame: ToClient) -> Iterable[bytes]:
        match frame:
            case Status():
                self._note(frame)
            case Delta():
                yield from self._open()
                self._sent_chars += len(frame.text)
                yield self._told.piece(frame.text)
            case Thinking():
                yield from self._open()
                yield self._told.thought(frame.text)
            case Completed():
                yield from self._end(frame)
            case Failed():
                raise Reported(frame)

    def _note(self, status: Status) -> None:
        if status.attempt > self._attempt and self._begun:
            raise BrokenOff(status.detail or "Please ask again.")
        self._attempt = max(status.attempt, self._attempt)
        self._told.model = status.model or self._told.model

    def _open(self) -> Iterable[bytes]:
        if not self._begun:
            self._begun = True
            yield self._told.opening()

    def _end(self, end: Completed) -> Iterable[bytes]:
        self._told.rehearsal = end.rehearsal
        self._told.model = end.model or self._told.model
        yield from self._open()
        if rest := end.text[self._sent_chars :]:
            yield self._told.piece(rest)
        yield from self._told.ending(end)
        self.ended = True


class _Wire:
    """The response on its way; it begins with the first bytes there are."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False

    async def write(self, content: bytes) -> None:
        if not content:
            return
        if not self._started:
            self._started = True
            start = {"type": "http.response.start", "status": 200, "headers": HEADERS}
            await self._send(start)
        await self._body(content, more=True)

    async def end(self) -> None:
        await self._body(b"", more=False)

    async def fail(self, failure: BoundaryError) -> None:
        """An HTTP error while there is still time for one, else an event; no `[DONE]` follows."""
        if self._started:
            await self._body(event(body_of(failure)), more=False)
            return
        response = response_of(failure)
        start = {"type": "http.response.start", "status": response.status_code}
        await self._send(start | {"headers": response.raw_headers})
        await self._body(bytes(response.body), more=False)

    async def _body(self, content: bytes, *, more: bool) -> None:
        body: dict[str, Any] = {"type": "http.response.body", "body": content, "more_body": more}
        await self._send(body)


async def _leave_with_client(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
