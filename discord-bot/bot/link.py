"""
The one connection to the brain (protocol section 3, as the client of `/ws/discord`).

It comes back by itself after every loss and says what it has seen, so that nothing is lost. Asks
are kept until the brain has confirmed them, ends are acknowledged when they have been shown:

    ask ──▶ pending ──queued──▶ (the brain's)      done ──▶ held ──shown──▶ ack
"""

from collections import deque
from collections.abc import Callable

import aiohttp
import anyio
import structlog

from shared.clock import Clock
from shared.protocol import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    Ack,
    Artifact,
    Ask,
    Cancel,
    Close,
    Done,
    Failed,
    Hello,
    Malformed,
    Reset,
    Summarize,
    ToClient,
    Welcome,
    parse_to_client,
)
from shared.tracing import SERVICE, request_id_for

log = structlog.get_logger(__name__)
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
HEARTBEAT_SECONDS = 15.0
CONNECT_SECONDS = 10.0
ACK_EVERY_SECONDS = 0.1
REPLACED = 4001

Request = Ask | Reset | Summarize | Close


class Link:
    """Keeps a connection to `url` (ws://…) while `run` runs; `on_frame` gets what comes."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        client_id: str,
        on_frame: Callable[[ToClient], None],
        on_change: Callable[[bool], None] = lambda _: None,
        clock: Clock,
    ) -> None:
        self._url = url
        self._token = token
        self._client_id = client_id
        self._on_frame = on_frame
        self._on_change = on_change
        self._clock = clock
        self._session_id: str | None = None
        self._seen = 0
        self._acknowledged = 0
        self._held: dict[str, int] = {}
        """The first unshown end or file of each ask, by its number in this session."""
        self._pending: dict[str, Request] = {}
        self._cancels: dict[str, None] = {}
        self._outgoing: deque[str] = deque()
        self._bell = anyio.Event()
        self.connected = False

    # ------------------------------------------------------------------ what the bot says

    def ask(self, request: Request) -> None:
        """Send `request` now or as soon as the brain is there; it is sent until it is confirmed."""
        self._pending[request.ask_id] = request
        request_id = self.request_id(request.ask_id)
        log.info("ask.sent", request_id=request_id, ask_id=request.ask_id, kind=request.type)
        self._say(request)

    def request_id(self, ask_id: str) -> str:
        """Under which name the brain and the logs know this ask."""
        return request_id_for(SERVICE, self._client_id, ask_id)

    def cancel(self, ask_id: str) -> None:
        """Stop this ask; its end comes as a frame."""
        self._cancels[ask_id] = None
        self._say(Cancel(ask_id=ask_id))

    def shown(self, ask_id: str) -> None:
        """The end of this ask has been shown to the person (or never can be)."""
        self._held.pop(ask_id, None)
        self._bell.set()

    def _say(self, frame: Request | Cancel | Ack) -> None:
        if self.connected:
            self._outgoing.append(frame.model_dump_json(exclude_none=True))
            self._bell.set()

    # ------------------------------------------------------------------ the connection

    async def run(self) -> None:
        """Until cancelled. Losses and refusals are logged and tried again, ever more slowly."""
        pause = FIRST_PAUSE_SECONDS
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                greeted = await self._connection(session)
                pause = FIRST_PAUSE_SECONDS if greeted else min(pause * 2, LONGEST_PAUSE_SECONDS)
                await self._clock.sleep(pause)

    async def _connection(self, session: aiohttp.ClientSession) -> bool:
        """One connection from its beginning to its end; whether the brain greeted."""
        greeted = False
        try:
            async with session.ws_connect(
                self._url,
                headers={"Authorization": f"Bearer {self._token}"},
                max_msg_size=MAX_FRAME_BYTES,
                heartbeat=HEARTBEAT_SECONDS,
            ) as socket:
                await self._greet(socket)
                greeted = True
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write_while_there, socket)
                    await self._read(socket)
                    tasks.cancel_scope.cancel()
                if socket.close_code == REPLACED:
                    log.error("link.replaced", message="Another bot uses the same identity.")
                    greeted = False
        except aiohttp.WSServerHandshakeError as refusal:
            log.error("link.refused", status=refusal.status, message=_refusal(refusal.status))
        except (aiohttp.ClientError, OSError, TimeoutError, Malformed) as lost:
            log.info("link.unreachable", error=type(lost).__name__)
        finally:
            self._became(connected=False)
        return greeted

    async def _greet(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        hello = Hello(
            client_id=self._client_id,
            protocol=PROTOCOL_VERSION,
            session_id=self._session_id,
            after=self._seen,
        )
        await socket.send_str(hello.model_dump_json(exclude_none=True))
        with anyio.fail_after(CONNECT_SECONDS):
            heard = await socket.receive()
        if heard.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionResetError  # a brain that stops, or that has another bot by now
        _, welcome = parse_to_client(heard.data)
        if not isinstance(welcome, Welcome):
            raise Malformed("The brain did not greet.")
        if not welcome.resumed:
            self._seen = self._acknowledged = 0
            self._held.clear()
        self._session_id = welcome.session_id
        log.info("link.connected", resumed=welcome.resumed)
        self._outgoing.clear()
        self._became(connected=True)
        for request in list(self._pending.values()):
            self._say(request)
        for ask_id in list(self._cancels):
            self._say(Cancel(ask_id=ask_id))

    def _became(self, *, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self._on_change(connected)

    # ------------------------------------------------------------------ reading

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            try:
                seq, frame = parse_to_client(message.data)
            except Malformed:
                log.warning("link.unknown_frame")  # a newer brain; the rest goes on
                continue
            if seq is not None:
                self._take(seq, frame)

    def _take(self, seq: int, frame: ToClient) -> None:
        if seq <= self._seen:
            return
        self._seen = seq
        ask_id: str | None = getattr(frame, "ask_id", None)
        if ask_id is not None:
            self._pending.pop(ask_id, None)
            if isinstance(frame, Done | Failed | Artifact):
                self._held.setdefault(ask_id, seq)
            if isinstance(frame, Done | Failed):
                self._cancels.pop(ask_id, None)
        try:
            self._on_frame(frame)
        except Exception:  # strangers write parts of it; one answer may break, never all of them
            log.exception("frame.broke", type=frame.type, ask_id=ask_id)
        self._bell.set()

    # ------------------------------------------------------------------ writing

    async def _write_while_there(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """A brain that is killed may be noticed here first; whoever reads then hears of it too."""
        try:
            await self._write(socket)
        except (aiohttp.ClientError, OSError) as lost:
            log.info("link.lost", error=type(lost).__name__)
            await socket.close()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        next_ack_at = 0.0
        while True:
            self._bell = anyio.Event()
            while self._outgoing:
                await socket.send_str(self._outgoing.popleft())
            shown = min(self._held.values(), default=self._seen + 1) - 1
            rest = next_ack_at - self._clock.monotonic()
            if shown > self._acknowledged and rest <= 0:
                self._acknowledged = shown
                next_ack_at = self._clock.monotonic() + ACK_EVERY_SECONDS
                await socket.send_str(Ack(seq=shown).model_dump_json())
            with anyio.move_on_after(rest if shown > self._acknowledged else None):
                await self._bell.wait()


def _refusal(status: int) -> str:
    if status == 401:
        return "The brain refuses this SERVICE_TOKEN; both must read the same .env."
    return "The brain refuses the connection; its log says why."
