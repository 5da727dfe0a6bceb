"""
The relay of `/ws/discord` and `/ws/chat`: frames in, frames out. It decides nothing.

It reads while it writes, so that a `cancel` is seen while tokens flow, and losing the socket ends
nothing but the socket.
"""

from collections import Counter

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi import APIRouter, WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect

from brain.api.deps import PROTOCOL, caller_of, get_brain, offered_protocols
from brain.chat.admission import Caller
from brain.chat.desk import failed
from brain.chat.errors import Cancelled
from brain.chat.outbox import Reader
from brain.wiring import Brain
from shared.errors import AuthRequired, BoundaryError, Forbidden
from shared.protocol import (
    PROTOCOL_VERSION,
    Ack,
    Ask,
    Cancel,
    Close,
    Hello,
    Malformed,
    Ping,
    Pong,
    Reset,
    Summarize,
    Surface,
    Welcome,
    encode,
    parse_to_brain,
)

router = APIRouter()
log = structlog.get_logger(__name__)
REPLACED = 4001
SIGN_IN_ENDED = 1008
SIGN_IN_CHECK_SECONDS = 2.0
GREETING_SECONDS = 60.0
ASKS_IN_HAND = 100
"""Asks read from a socket and not stored yet; more wait in the socket."""

CHARS_IN_HAND = 64 * 1024 * 1024
"""Of texts and files in them: four frames of the largest size, or a single one of any."""

FETCHES_AT_ONCE = 8
"""Asks of one connection whose files are being fetched."""

LOST = (WebSocketDisconnect, anyio.BrokenResourceError, RuntimeError)
"""How Starlette and uvicorn say that the other side is gone."""


_Asked = Ask | Reset | Summarize | Close


def _chars(frame: _Asked) -> int:
    """About what `frame` holds in memory."""
    if not isinstance(frame, Ask):
        return 0
    return len(frame.text) + sum(len(one.data_base64 or "") for one in frame.attachments)


def _fetches(frame: _Asked) -> bool:
    """Whether taking this ask means to fetch something first."""
    return isinstance(frame, Ask) and any(one.url is not None for one in frame.attachments)


class NotGreeted(Malformed):
    """A frame before `hello`."""

    code = "protocol.not_greeted"

    def __init__(self) -> None:
        super().__init__("Please send `hello` first.")


class AskCrashed(BoundaryError):
    """Something of ours broke while an ask was taken."""

    def __init__(self) -> None:
        super().__init__("Something broke here while your question was taken. Please try again.")


@router.websocket("/ws/discord")
async def discord(socket: WebSocket) -> None:
    """One connection for a whole bot."""
    await _serve(socket, kind="service", surface="discord")


@router.websocket("/ws/chat")
async def chat(socket: WebSocket) -> None:
    """One connection for one person."""
    await _serve(socket, kind="user", surface="web")


async def _serve(socket: WebSocket, *, kind: str, surface: Surface) -> None:
    brain = get_brain(socket)
    try:
        _check_origin(socket, brain.allowed_origins)
        caller = caller_of(socket, brain)
        if caller.kind != kind:
            raise AuthRequired("This door takes another kind of token.")
    except BoundaryError as refusal:
        await socket.send_denial_response(JSONResponse(refusal.body(), refusal.status))
        return
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered_protocols(socket) else None)
    try:
        await _Relay(socket, brain, caller, surface).run()
    except* LOST:
        log.debug("socket.lost")


def _check_origin(socket: WebSocket, allowed: tuple[str, ...]) -> None:
    origin = socket.headers.get("origin")
    if origin is not None and origin.rstrip("/") not in allowed:
        raise Forbidden("Pages of this origin may not talk to Trollama (ALLOWED_ORIGINS).")


class _Relay:
    """One accepted connection."""

    def __init__(self, socket: WebSocket, brain: Brain, caller: Caller, surface: Surface) -> None:
        self._socket = socket
        self._brain = brain
        self._desk = brain.desk
        self._caller = caller
        self._surface = surface
        self._client_id = ""
        self._ungreeted = 0
        self._in_hand: Counter[str] = Counter()
        """Ids of asks that were read and not stored yet."""
        self._chars_in_hand = 0
        self._less_in_hand = anyio.Event()
        self._dropped: set[str] = set()
        """Those of them that were cancelled since."""
        self._handing: dict[anyio.CancelScope, str] = {}
        """What brings them into the queue right now."""
        self._fetching: dict[str, anyio.Event] = {}
        """Conversation → the end of its last ask that waits for files, or for one that does."""
        self._fetches = anyio.CapacityLimiter(FETCHES_AT_ONCE)

    async def run(self) -> None:
        """Until the client leaves, its sign-in ends or another connection of it takes over."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_sign_in, tasks.cancel_scope)
            try:
                with anyio.fail_after(GREETING_SECONDS):
                    reader = await self._greeted()
            except TimeoutError:
                await self._close(SIGN_IN_ENDED, "no hello came")
            else:
                await self._talk(reader)
            tasks.cancel_scope.cancel()

    async def _talk(self, reader: Reader) -> None:
        asks, todo = anyio.create_memory_object_stream[_Asked](ASKS_IN_HAND)
        try:
            async with asks, todo, anyio.create_task_group() as tasks:
                await self._send(Welcome(session_id=reader.session_id, resumed=reader.resumed))
                tasks.start_soon(self._write, reader)
                tasks.start_soon(self._submit, reader, todo)
                tasks.start_soon(self._leave_when_replaced, reader, tasks.cancel_scope)
                await self._read(reader, asks)
                tasks.cancel_scope.cancel()
        finally:
            reader.leave()

    # ------------------------------------------------------------------ greeting

    async def _greeted(self) -> Reader:
        """Wait for a `hello` that can be answered; refuse everything else."""
        while True:
            ask_id = None
            try:
                frame = parse_to_brain(await self._receive())
                ask_id = getattr(frame, "ask_id", None)
                match frame:
                    case Hello():
                        return await self._greet(frame)
                    case Ping():
                        await self._send(Pong())
                    case _:
                        raise NotGreeted
            except BoundaryError as refusal:
                # Frames before the first session are numbered by themselves.
                self._ungreeted += 1
                known = ask_id or getattr(refusal, "ask_id", None)
                await self._socket.send_text(encode(failed(refusal, known), self._ungreeted))

    async def _greet(self, hello: Hello) -> Reader:
        if hello.protocol != PROTOCOL_VERSION:
            raise Malformed(
                f"Please correct `protocol`: this brain speaks {PROTOCOL_VERSION}, "
                f"not {hello.protocol}."
            )
        caller_of(self._socket, self._brain)  # it may have ended since the upgrade
        self._client_id = hello.client_id
        return await self._desk.greet(
            self._caller,
            client_id=hello.client_id,
            session_id=hello.session_id,
            after=hello.after,
        )

    # ------------------------------------------------------------------ reading

    async def _receive(self) -> str:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise Malformed("Frames are text, not bytes.")
        return str(text)

    async def _read(self, reader: Reader, asks: MemoryObjectSendStream[_Asked]) -> None:
        while True:
            try:
                frame = parse_to_brain(await self._receive())
            except WebSocketDisconnect:
                return
            except Malformed as refusal:
                reader.put(failed(refusal, refusal.ask_id))
                continue
            try:
                match frame:
                    case Ask() | Reset() | Summarize() | Close():
                        await self._take_in_hand(frame)
                        await asks.send(frame)
                    case Cancel():
                        await self._cancel(frame, reader)
                    case Ack(seq=seq):
                        ends = reader.acknowledge(seq)
                        await self._desk.acknowledge(ends, self._caller, client_id=self._client_id)
                    case Ping():
                        await self._send(Pong())
                    case Hello():
                        raise Malformed("`hello` was already said on this connection.")
            except BoundaryError as refusal:
                reader.put(failed(refusal, getattr(frame, "ask_id", None)))

    async def _take_in_hand(self, frame: _Asked) -> None:
        """What is too much for now waits in the socket, with all that comes behind it."""
        while self._chars_in_hand and self._chars_in_hand + _chars(frame) > CHARS_IN_HAND:
            self._less_in_hand = anyio.Event()
            await self._less_in_hand.wait()
        self._in_hand[frame.ask_id] += 1
        self._chars_in_hand += _chars(frame)

    async def _cancel(self, frame: Cancel, reader: Reader) -> None:
        ask_id, caller, client_id = frame.ask_id, self._caller, self._client_id
        if self._in_hand[ask_id] and not self._desk.knows(ask_id, caller, client_id=client_id):
            if ask_id in self._dropped:
                return
            self._dropped.add(ask_id)
            took = await self._desk.took(ask_id, caller, client_id=client_id)
            if not took and not self._desk.knows(ask_id, caller, client_id=client_id):
                for scope in [one for one, handed in self._handing.items() if handed == ask_id]:
                    scope.cancel()
                reader.put(failed(Cancelled(), ask_id))
                return
        await self._desk.cancel(frame, caller, client_id=client_id)

    async def _submit(self, reader: Reader, todo: MemoryObjectReceiveStream[_Asked]) -> None:
        """
        Asks in their order, beside the reading, so that a slow store keeps no cancel waiting.

        While files of one are fetched, only those of the same conversation wait for it.
        """
        async with anyio.create_task_group() as beside:
            async for frame in todo:
                before = self._fetching.get(frame.conversation_id)
                if before is None and not _fetches(frame):
                    await self._submit_one(frame, reader)
                else:
                    done = self._fetching[frame.conversation_id] = anyio.Event()
                    beside.start_soon(self._submit_behind, frame, reader, before, done)

    async def _submit_behind(
        self, frame: _Asked, reader: Reader, before: anyio.Event | None, done: anyio.Event
    ) -> None:
        if before is not None:
            await before.wait()
        async with self._fetches:
            await self._submit_one(frame, reader)
        done.set()
        if self._fetching[frame.conversation_id] is done:
            del self._fetching[frame.conversation_id]

    async def _submit_one(self, frame: _Asked, reader: Reader) -> None:
        scope = anyio.CancelScope()
        self._handing[scope] = frame.ask_id
        try:
            with scope:
                if frame.ask_id not in self._dropped:
                    await self._hand_over(frame)
        except BoundaryError as refusal:
            if frame.ask_id not in self._dropped:
                reader.put(failed(refusal, frame.ask_id))
        except Exception:  # a whole bot talks here: what one ask breaks must not end it
            log.exception("socket.ask_crashed")
            if frame.ask_id not in self._dropped:
                reader.put(failed(AskCrashed(), frame.ask_id))
        finally:
            del self._handing[scope]
            self._chars_in_hand -= _chars(frame)
            self._less_in_hand.set()
            self._in_hand[frame.ask_id] -= 1
            if not self._in_hand[frame.ask_id]:
                del self._in_hand[frame.ask_id]
                self._dropped.discard(frame.ask_id)

    async def _hand_over(self, frame: _Asked) -> None:
        caller, client_id, surface = self._caller, self._client_id, self._surface
        if isinstance(frame, Ask):
            await self._desk.submit(frame, caller, client_id=client_id, surface=surface)
        else:
            await self._desk.order(frame, caller, client_id=client_id, surface=surface)

    # ------------------------------------------------------------------ writing

    async def _write(self, reader: Reader) -> None:
        try:
            while True:
                for seq, frame in await reader.next_frames():
                    await self._socket.send_text(encode(frame, seq))
        except LOST:
            log.debug("socket.lost")  # the reader learns it too and ends the relay

    async def _send(self, frame: Welcome | Pong) -> None:
        await self._socket.send_text(encode(frame))

    # ------------------------------------------------------------------ leaving

    async def _leave_when_replaced(self, reader: Reader, scope: anyio.CancelScope) -> None:
        await reader.replaced.wait()
        await self._close(REPLACED, "another connection of this client took over")
        scope.cancel()

    async def _watch_sign_in(self, scope: anyio.CancelScope) -> None:
        """A sign-in that was ended or has expired ends here too, within a few seconds."""
        while True:
            await self._brain.clock.sleep(SIGN_IN_CHECK_SECONDS)
            try:
                caller_of(self._socket, self._brain)
            except AuthRequired as ended:
                await self._close(SIGN_IN_ENDED, ended.message)
                scope.cancel()

    async def _close(self, code: int, reason: str) -> None:
        try:
            await self._socket.close(code, reason)
        except LOST:
            log.debug("socket.lost")
