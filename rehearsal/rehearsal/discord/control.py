"""The endpoints no Discord has: acting as people, setting faults, reading what happened."""

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import asdict
from importlib import resources
from typing import Any, Literal, TypeVar

import anyio
import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from rehearsal.discord.acting import NotThere
from rehearsal.discord.door import answer
from rehearsal.discord.errors import Refused
from rehearsal.discord.faults import parse_discord_faults
from rehearsal.discord.gateway import Gateway
from rehearsal.discord.limits import Limit
from rehearsal.discord.page.view import view
from rehearsal.discord.stage import Discord
from rehearsal.discord.world import Channel, Json, Message, Person
from rehearsal.discord.writing import File
from rehearsal.faults import FaultError
from rehearsal.life import Life

LONGEST_POLL_SECONDS = 20.0
PAGE = {"/": "page.html", "/page.js": "page.js", "/page.css": "page.css"}
CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
"""Nothing foreign is loaded; the colours of code are written into its tags."""

T = TypeVar("T", bound=BaseModel)
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class Upload(BaseModel):
    """A file a person adds."""

    model_config = ConfigDict(extra="forbid")
    name: str
    data_base64: str


class Act(BaseModel):
    """
    What a person does; people and channels are named or given by id.

    Which fields count depends on what is done, see the README.
    """

    model_config = ConfigDict(extra="forbid")
    person: str = ""
    channel: str = ""
    message: str = ""
    text: str = ""
    name: str = ""
    files: list[Upload] = []
    reply_to: str | None = None
    emoji: str = ""
    on: bool = True
    command: str = ""
    options: dict[str, Any] = {}
    button: str = ""
    values: list[str] = []
    token: str = ""
    filled: dict[str, str] = {}


class GatewayOrder(BaseModel):
    """What shall happen to the bot's connections."""

    model_config = ConfigDict(extra="forbid")
    do: Literal["drop", "reconnect", "invalidate", "forget", "silence"]
    code: int = 0
    resumable: bool = False


class Settings(BaseModel):
    """Rules and limits to change; a limit is `[requests, seconds]`."""

    model_config = ConfigDict(extra="forbid")
    rules: dict[str, float | str] = {}
    limits: dict[str, tuple[int, float]] = {}


class Control:
    """`/rehearsal/…` and the page at `/`."""

    def __init__(self, discord: Discord, life: Life, gateway: Gateway) -> None:
        self._discord = discord
        self._life = life
        self._gateway = gateway

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        at = "/rehearsal/discord"
        return [
            web.get("/", self.page),
            web.get("/page.js", self.page),
            web.get("/page.css", self.page),
            web.get("/health", self.health),
            web.get("/health/live", self.health),
            web.get(at + "/view", self.view),
            web.get(at + "/log", self.log),
            web.get(at + "/messages", self.messages),
            web.post(at + "/act/{what}", self.act),
            web.get(at + "/faults", self.faults),
            web.post(at + "/faults", self.set_faults),
            web.delete(at + "/faults", self.clear_faults),
            web.post(at + "/gateway", self.order),
            web.post(at + "/settings", self.settings),
            web.post("/rehearsal/kill", self.kill),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page; a WebSocket here is a bot whose gateway address has no path."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._gateway.connect(request)
        name = PAGE[request.path]
        text = resources.files("rehearsal.discord.page").joinpath(name).read_text("utf-8")
        kind = next(each for ending, each in _TYPES.items() if name.endswith(ending))
        headers = {"Content-Security-Policy": CSP}
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)

    async def health(self, _: web.Request) -> web.Response:
        """200 while the process serves."""
        return answer({"status": "healthy", "service": "rehearsal"})

    async def view(self, request: web.Request) -> web.Response:
        """What a `person` sees of a `channel`; waits while it is still `since`, up to 20 s."""
        state, query = self._discord.state, request.query
        person = self._person(query.get("person") or "ada")
        channel = self._channel(query.get("channel") or "general", person)
        if channel.recipient not in (None, person):
            channel = self._discord.dm_channel(person)
        since = int(query.get("since") or -1)
        with anyio.move_on_after(LONGEST_POLL_SECONDS):
            while state.version == since:
                await state.change()
        return answer(view(state, person, channel))

    async def log(self, _: web.Request) -> web.Response:
        """Every REST call with its moment and status, and the routes nobody knows."""
        state = self._discord.state
        calls = [asdict(each) for each in state.calls]
        return answer(
            {"now": state.clock.monotonic(), "calls": calls, "unhandled": state.unhandled}
        )

    async def messages(self, request: web.Request) -> web.Response:
        """The messages of a `channel` with every version and its moment."""
        channel = self._channel(request.query["channel"], self._person("ada"))
        return answer([_told(self._discord, each) for each in channel.messages.values()])

    async def faults(self, _: web.Request) -> web.Response:
        """What is still to go wrong."""
        return answer([each.model_dump() for each in self._discord.faults.left()])

    async def set_faults(self, request: web.Request) -> web.Response:
        """Add the faults of a JSON list; 400 when it cannot be read."""
        try:
            self._discord.faults.add(parse_discord_faults(await request.read()))
        except FaultError as wrong:
            return answer({"error": str(wrong)}, status=400)
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Nothing goes wrong any more."""
        self._discord.faults.clear()
        return await self.faults(request)

    async def order(self, request: web.Request) -> web.Response:
        """Drop connections, ask for a reconnect, invalidate or forget sessions, fall silent."""
        order = await _parsed(request, GatewayOrder)
        match order.do:
            case "drop":
                self._discord.drop_gateway(order.code)
            case "reconnect":
                self._discord.ask_reconnect()
            case "invalidate":
                self._discord.invalidate(resumable=order.resumable)
            case "forget":
                self._discord.forget_sessions()
            case "silence":
                self._discord.fall_silent()
        return answer({"connected": self._discord.connected})

    async def settings(self, request: web.Request) -> web.Response:
        """Change rules and limits; a name that is none is refused with 400."""
        given = await _parsed(request, Settings)
        state = self._discord.state
        known = set(asdict(state.rules)), set(asdict(state.limits))
        if set(given.rules) - known[0] or set(given.limits) - known[1]:
            return answer({"error": "no such rule or limit"}, status=400)
        for name, value in given.rules.items():
            setattr(state.rules, name, value)
        for name, (requests, seconds) in given.limits.items():
            setattr(state.limits, name, Limit(requests, seconds))
        return answer({"rules": asdict(state.rules), "limits": asdict(state.limits)})

    async def kill(self, request: web.Request) -> web.Response:
        """The server goes away for `{"down_seconds": 5}`; sessions and messages are kept."""
        raw = await request.read()
        self._life.die(float(orjson.loads(raw or b"{}").get("down_seconds", 5.0)))
        await anyio.sleep_forever()
        return answer({})

    async def act(self, request: web.Request) -> web.Response:
        """A person does something: see the README."""
        act = await _parsed(request, Act)
        try:
            return answer(self._do(request.match_info["what"], act))
        except (NotThere, Refused, NotBase64) as wrong:
            return answer({"error": str(wrong)}, status=400)

    def _do(self, what: str, act: Act) -> Json:
        discord, person = self._discord, self._person(act.person or "ada")
        match what:
            case "person":
                made = discord.add_person(act.name)
                return {"id": str(made.id)}
            case "slash":
                channel = self._channel(act.channel, person)
                used = discord.slash(person, channel, act.command, act.options)
                return {"token": used.token}
            case "press":
                pressed = discord.press(
                    person, self._message(act, person), act.button, values=act.values
                )
                return {"token": pressed.token}
            case "fill":
                shown = discord.state.interactions.get(act.token)
                if shown is None:
                    raise NotThere("No such form.")
                discord.fill_in(shown, act.filled)
                return {}
            case _:
                return self._write(what, act, person)

    def _write(self, what: str, act: Act, person: Person) -> Json:
        discord = self._discord
        match what:
            case "say" | "dm":
                files = [File(each.name, b64decode(each.data_base64)) for each in act.files]
                channel = self._channel("@me" if what == "dm" else act.channel or "general", person)
                replied = None if act.reply_to is None else channel.messages.get(int(act.reply_to))
                said = discord.say(person, channel, act.text, files=files, reply_to=replied)
                return _told(discord, said)
            case "thread":
                parent = self._channel(act.channel, person)
                thread = discord.start_thread(person, parent, act.name, act.text or None)
                return {"id": str(thread.id)}
            case "edit":
                discord.edit(self._message(act, person), act.text)
            case "delete":
                discord.delete(self._message(act, person))
            case "react":
                discord.react(person, self._message(act, person), act.emoji, on=act.on)
            case _:
                raise NotThere(f"Nobody knows how to {what!r}.")
        return {}

    def _person(self, wanted: str) -> Person:
        for each in self._discord.state.people.values():
            if wanted in (str(each.id), each.name, each.display):
                return each
        raise web.HTTPNotFound(text=f"No person {wanted!r}.")

    def _channel(self, wanted: str, person: Person) -> Channel:
        """By id or name; `@me` is the person's own with the bot."""
        if wanted == "@me":
            return self._discord.dm_channel(person)
        for each in self._discord.state.channels.values():
            if wanted == str(each.id) or (each.name == wanted and each.recipient is None):
                return each
        raise web.HTTPNotFound(text=f"No channel {wanted!r}.")

    def _message(self, act: Act, person: Person) -> Message:
        channel = self._channel(act.channel, person)
        found = channel.messages.get(int(act.message)) if act.message.isdecimal() else None
        if found is None:
            raise web.HTTPNotFound(text="No such message.")
        return found


def _told(discord: Discord, message: Message) -> Json:
    versions = [asdict(each) for each in message.versions]
    hidden = None if message.seen_by is None else str(message.seen_by)
    return discord.state.shape(message) | {"versions": versions, "seen_by": hidden}


async def _parsed(request: web.Request, model: type[T]) -> T:
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise web.HTTPBadRequest(text=f"{where}: {first['msg']}") from wrong
