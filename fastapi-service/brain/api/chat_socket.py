"""
The relay of `/ws/discord` and `/ws/chat`: frames in, frames out. It decides nothing.

It reads while it writes, so that a `cancel` is seen while tokens flow, and losing the socket ends
nothing but the socket.
"""

import anyio
import structlog
from fastapi import APIRouter, WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from brain.api.deps import PROTOCOL, caller_of, get_brain
from brain.chat.admission import Caller
from brain.chat.desk import failed
from brain.chat.outbox import Outbox
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
    ToBrain,
    Welcome,
    encode,
    parse_to_brain,
)

router = APIRouter()
log = structlog.get_logger(__name__)
REPLACED = 4001
SIGN_IN_ENDED = 1008
SIGN_IN_CHECK_SECONDS = 2.0


class NotGreeted(Malformed):
    """A frame before `hello`."""

    code = "protocol.not_greeted"

    def __init__(self) -> None:
        super().__init__("Please send `hello` first.")


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
    offered = socket.headers.get("sec-websocket-protocol", "")
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered.split(",")[0] else None)
    relay = _Relay(socket, brain, caller, surface)
    try:
        await relay.run()
    except (WebSocketDisconnect, anyio.BrokenResourceError, RuntimeError) as lost:
        if isinstance(lost, RuntimeError) and socket.client_state is WebSocketState.CONNECTED:
            raise
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
        self._outbox: Outbox | None = None
        self._ungreeted = 0

    async def run(self) -> None:
        """Until the client leaves or another connection of it takes over."""
        outbox, resumed = await self._greeted()
        replaced = outbox.attach()
        try:
            await self._send(Welcome(session_id=outbox.session_id, resumed=resumed))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write, outbox)
                tasks.start_soon(self._leave_when, replaced, tasks.cancel_scope)
                tasks.start_soon(self._watch_sign_in, tasks.cancel_scope)
                await self._read()
                tasks.cancel_scope.cancel()
        finally:
            outbox.detach(replaced)

    async def _greeted(self) -> tuple[Outbox, bool]:
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

    async def _greet(self, hello: Hello) -> tuple[Outbox, bool]:
        if hello.protocol != PROTOCOL_VERSION:
            raise Malformed(
                f"Please correct `protocol`: this brain speaks {PROTOCOL_VERSION}, "
                f"not {hello.protocol}."
            )
        outbox, resumed = await self._desk.greet(
            self._caller,
            client_id=hello.client_id,
            session_id=hello.session_id,
            after=hello.after,
        )
        self._client_id, self._outbox = hello.client_id, outbox
        return outbox, resumed

    async def _receive(self) -> str:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise Malformed("Frames are text, not bytes.")
        return str(text)

    async def _read(self) -> None:
        assert self._outbox is not None
        while True:
            try:
                frame = parse_to_brain(await self._receive())
            except WebSocketDisconnect:
                return
            except Malformed as refusal:
                self._outbox.put(failed(refusal, refusal.ask_id))
                continue
            try:
                await self._handle(frame, self._outbox)
            except BoundaryError as refusal:
                self._outbox.put(failed(refusal, getattr(frame, "ask_id", None)))

    async def _handle(self, frame: ToBrain, outbox: Outbox) -> None:
        desk, caller, client_id = self._desk, self._caller, self._client_id
        match frame:
            case Ask():
                await desk.submit(frame, caller, client_id=client_id, surface=self._surface)
            case Cancel():
                await desk.cancel(frame, caller, client_id=client_id)
            case Ack(seq=seq):
                await desk.acknowledge(outbox, seq, caller, client_id=client_id)
            case Reset() | Summarize() | Close():
                await desk.order(frame, caller, client_id=client_id, surface=self._surface)
            case Ping():
                await self._send(Pong())
            case Hello():
                raise Malformed("`hello` was already said on this connection.")

    async def _write(self, outbox: Outbox) -> None:
        try:
            while True:
                for seq, frame in await outbox.next_frames():
                    await self._socket.send_text(encode(frame, seq))
        except (WebSocketDisconnect, RuntimeError):
            log.debug("socket.lost")  # the reader learns it too and ends the relay

    async def _leave_when(self, replaced: anyio.Event, scope: anyio.CancelScope) -> None:
        await replaced.wait()
        await self._socket.close(REPLACED, "another connection of this client took over")
        scope.cancel()

    async def _watch_sign_in(self, scope: anyio.CancelScope) -> None:
        """A sign-in that was ended or has expired ends here too, within a few seconds."""
        while True:
            await self._brain.clock.sleep(SIGN_IN_CHECK_SECONDS)
            try:
                caller_of(self._socket, self._brain)
            except AuthRequired as ended:
                await self._socket.close(SIGN_IN_ENDED, ended.message)
                scope.cancel()

    async def _send(self, frame: Welcome | Pong) -> None:
        await self._socket.send_text(encode(frame))
