"""The gateway: a WebSocket that tells a bot what happens, and lets it come back without loss.

Source: Discord's documentation, "Gateway" and "Opcodes and Status Codes".

```
 connect ─▶ HELLO ─▶ IDENTIFY ─▶ READY, GUILD_CREATE … ─▶ events
                  └▶ RESUME ──▶ what was missed, RESUMED ─▶ events      (or op 9)
```
"""

import zlib
from secrets import token_hex
from typing import Any

import anyio
import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from rehearsal.beside import beside
from rehearsal.discord import shapes
from rehearsal.discord.sessions import PRIVILEGED, Intent, Line, Session
from rehearsal.discord.state import State
from rehearsal.discord.world import Json

COMMANDS_PER_MINUTE = 120


class HangUp(Exception):
    """The connection ends with this close code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Gateway:
    """`/gateway`, one call of `connect` for each connection."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until either side ends it."""
        self._state.origin = f"http://{request.host}"
        socket = web.WebSocketResponse(max_msg_size=2**20, compress=False)
        await socket.prepare(request)
        # Compressed or not is decided by what the client asks for; other ways get plain text.
        packed = request.query.get("compress") == "zlib-stream"
        line = Line()
        self._state.sessions.lines.add(line)
        try:
            async with beside() as tasks:
                tasks.start_soon(self._write, line, socket, request, packed)
                interval = int(self._state.rules.heartbeat_seconds * 1000)
                line.send({"op": 10, "t": None, "s": None, "d": {"heartbeat_interval": interval}})
                await self._listen(line, socket)
        finally:
            self._state.sessions.lines.discard(line)
            if line.session is not None and line.session.line is line:
                line.session.line = None
            line.close()
            self._state.changed()
        return socket

    async def _write(
        self, line: Line, socket: web.WebSocketResponse, request: web.Request, packed: bool
    ) -> None:
        pack = zlib.compressobj()
        try:
            async for frame in line.frames:
                match frame:
                    case 0:
                        break
                    case int():
                        await socket.close(code=frame)
                        return
                    case _ if line.silent:
                        continue
                    case _ if packed:
                        data = pack.compress(orjson.dumps(frame)) + pack.flush(zlib.Z_SYNC_FLUSH)
                        await socket.send_bytes(data)
                    case _:
                        await socket.send_str(orjson.dumps(frame).decode())
        except ConnectionError:
            return
        if request.transport is not None:
            request.transport.abort()

    async def _listen(self, line: Line, socket: web.WebSocketResponse) -> None:
        patience = self._state.rules.heartbeat_seconds * 2
        since, said = self._state.clock.monotonic(), 0
        try:
            while True:
                with anyio.move_on_after(patience) as waited:
                    heard = await socket.receive()
                if waited.cancelled_caught:
                    raise HangUp(4009)
                if heard.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return
                now = self._state.clock.monotonic()
                since, said = (now, 1) if now - since > 60 else (since, said + 1)
                if said > COMMANDS_PER_MINUTE:
                    raise HangUp(4008)
                self._answer(line, _frame(heard))
        except HangUp as end:
            await socket.close(code=end.code)

    def _answer(self, line: Line, frame: Json) -> None:
        payload = frame.get("d")
        match frame.get("op"):
            case 1:
                line.send({"op": 11, "t": None, "s": None, "d": None})
            case 2 if isinstance(payload, dict):
                self._identify(line, payload)
            case 6 if isinstance(payload, dict):
                self._resume(line, payload)
            case 3 | 4:
                _greeted(line)
            case 8 if isinstance(payload, dict):
                self._members(_greeted(line), payload)
            case _:
                raise HangUp(4001)

    def _identify(self, line: Line, payload: Json) -> None:
        state = self._state
        if line.session is not None:
            raise HangUp(4005)
        self._check(payload)
        intents = int(payload.get("intents", 0))
        if intents & PRIVILEGED & ~state.rules.intents:
            raise HangUp(4014)
        session = Session(token_hex(16), intents)
        state.sessions.known[session.id] = session
        line.session, session.line = session, line
        url = state.origin.replace("http", "ws", 1) + "/gateway"
        guilds = [{"id": str(each.id), "unavailable": True} for each in state.own_guilds()]
        application = {"id": str(state.application), "flags": 0}
        session.tell(
            "READY",
            {
                "v": 10, "user": shapes.user(state.bot), "guilds": guilds,
                "session_id": session.id, "resume_gateway_url": url, "shard": [0, 1],
                "application": application, "private_channels": [], "relationships": [],
            },
        )  # fmt: skip
        for guild in state.own_guilds() if intents & Intent.GUILDS else ():
            session.tell("GUILD_CREATE", state.live_guild(guild, session))
        state.changed()

    def _resume(self, line: Line, payload: Json) -> None:
        self._check(payload)
        session = self._state.sessions.known.get(str(payload.get("session_id")))
        missed = None if session is None else session.missed(int(payload.get("seq") or 0))
        if session is None or missed is None:
            line.send({"op": 9, "t": None, "s": None, "d": False})
            return
        if session.line is not None and session.line is not line:
            session.line.hang_up(int(WSCloseCode.OK))
        for event in missed:
            line.send(event)
        line.session, session.line = session, line
        session.tell("RESUMED", {})
        self._state.changed()

    def _check(self, payload: Json) -> None:
        if payload.get("token") != self._state.rules.token:
            raise HangUp(4004)

    def _members(self, session: Session, payload: Json) -> None:
        guild = self._state.guilds.get(int(payload.get("guild_id", 0)))
        if guild is None:
            return
        asked = {int(each) for each in payload.get("user_ids") or ()}
        found = [each for each in guild.members.values() if not asked or each.person.id in asked]
        body: Json = {
            "guild_id": str(guild.id), "members": [shapes.member(each) for each in found],
            "chunk_index": 0, "chunk_count": 1, "not_found": [],
        }  # fmt: skip
        session.tell("GUILD_MEMBERS_CHUNK", body | {"nonce": payload.get("nonce")})


def _greeted(line: Line) -> Session:
    if line.session is None:
        raise HangUp(4003)
    return line.session


def _frame(heard: WSMessage) -> Json:
    try:
        frame: Any = orjson.loads(heard.data)
    except orjson.JSONDecodeError as broken:
        raise HangUp(4002) from broken
    if not isinstance(frame, dict):
        raise HangUp(4002)
    return frame
