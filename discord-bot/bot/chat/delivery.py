"""
The way to Discord's messages: paced, tried again, and the same after a restart of the client.

discord.py retries 500, 502, 504 and 429 itself, but neither 503 nor a lost connection; those are
tried again here. Every message is sent with a nonce that Discord enforces, so that sending it twice
shows it once (documentation, Create Message, `enforce_nonce`).
"""

import io
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple, TypeVar

import aiohttp
import anyio
import discord
import structlog

from bot.chat.pacing import Pace
from shared.clock import Clock

log = structlog.get_logger(__name__)
FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 10.0
SEARCHED = 100
PERSISTENT_TRIES = 20
"""About two and a half minutes of an outage; an end that was not shown is not acknowledged."""

PATIENCE_SECONDS = 1.2
"""How long the end of an answer may wait for its edit. Two that come at once mostly are in time; of
three, the last one would not be."""

NO_EDITS = (30046, 50083)
"""More edits than Discord takes of a message older than an hour; the thread is archived (Opcodes
and Status Codes, JSON error codes). A new message is taken in both cases, and unarchives it."""

TRIED_AGAIN = (401, 408, 429)
"""Refusals that say nothing of the request: a token being replaced, a body that came too slowly,
the rate (Opcodes and Status Codes, HTTP)."""

TOKEN_OVER = 50027
"""The token of an interaction ended, which comes with 401 (JSON error codes)."""

MOST_FILES = 10
"""Of one message (documentation, Create Message, `files`)."""

MESSAGES = re.compile(r"/channels/(\d+)/messages(/\d+)?$")
OF_AN_INTERACTION = re.compile(r"/(interactions|webhooks)/")
"""These do not count for the limit of the whole bot (documentation, Rate Limits, Global)."""

T = TypeVar("T")


class Gone(Exception):
    """The message, its channel or our right to write there is no more."""


class Rejected(Exception):
    """The place is there, but Discord does not take this request, now or ever."""


class Unchangeable(Exception):
    """The message stands and cannot be edited now; what it should say can be sent anew."""


class Undelivered(Exception):
    """Discord did not take it; later it may."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes out."""

    name: str
    data: bytes


class Sent(NamedTuple):
    """A message as it now stands in its channel."""

    message_id: int
    text: str


def nonce_of(*parts: object) -> str:
    """The same for the same message, at most 25 characters (documentation, Create Message)."""
    text = "/".join(map(str, parts))
    return blake2b(text.encode(), digest_size=12).hexdigest()


class Delivery:
    """Sends and edits messages of any channel through the client of the moment."""

    def __init__(self, pace: Pace, *, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._client: discord.Client | None = None
        self._there = anyio.Event()

    def use(self, client: discord.Client) -> None:
        """From now on messages go through `client`."""
        self._client = client
        self._there.set()

    def trace(self) -> aiohttp.TraceConfig:
        """What a client must be given so that the pace learns Discord's headers."""
        config = aiohttp.TraceConfig()

        async def began(
            _: aiohttp.ClientSession,
            __: SimpleNamespace,
            params: aiohttp.TraceRequestStartParams,
        ) -> None:
            path = params.url.path
            if _paced(params.method, path) is None and not OF_AN_INTERACTION.search(path):
                self._pace.began()

        async def ended(
            _: aiohttp.ClientSession,
            __: SimpleNamespace,
            params: aiohttp.TraceRequestEndParams,
        ) -> None:
            channel_id = _paced(params.method, params.url.path)
            if channel_id is not None:
                self._pace.noted(params.method.upper(), channel_id, params.response.headers)

        config.on_request_start.append(began)
        config.on_request_end.append(ended)
        return config

    async def turn_to_edit(self, channel_id: int) -> None:
        """Return when an answer that grows there may be shown anew; one `edit` must follow."""
        await self._pace.turn("PATCH", channel_id)

    async def turn_to_send(self, channel_id: int) -> None:
        """The same for a message that is no end of an answer; one `send` must follow."""
        await self._pace.turn("POST", channel_id)

    async def turn_to_end(self, channel_id: int) -> Literal["edit", "send"]:
        """Return when the end of an answer may be shown, and how; that must follow."""
        method = await self._pace.turn_of_end(channel_id, patience_seconds=PATIENCE_SECONDS)
        return "send" if method == "POST" else "edit"

    def give_back_turn(self, channel_id: int, *, to_send: bool) -> None:
        """A turn was waited for and is not needed."""
        self._pace.give_back("POST" if to_send else "PATCH", channel_id)

    async def send(
        self,
        channel_id: int,
        text: str,
        *,
        nonce: str,
        view: discord.ui.View | None = None,
        files: Sequence[File] = (),
        reply_to: int | None = None,
        had_turn: bool = False,
    ) -> Sent:
        """
        A new message, or the one that has this nonce already and the text it has.

        `had_turn`: the caller has waited for `turn_to_send`. Raises `Gone`, `Rejected` or, after a
        long time, `Undelivered`.
        """
        more: dict[str, Any] = {} if view is None else {"view": view}
        if reply_to is not None:
            more["reference"] = discord.MessageReference(
                message_id=reply_to, channel_id=channel_id, fail_if_not_exists=False
            )

        async def call(client: discord.Client) -> Sent:
            message: discord.Message = await client.get_partial_messageable(channel_id).send(
                text, nonce=nonce, files=_files(files), suppress_embeds=True, **more
            )
            return Sent(message.id, message.content)

        turns = _Turns(self._pace, "POST", channel_id, had_one=had_turn)
        return await self._tried("send", call, PERSISTENT_TRIES, turns)

    async def search(self, channel_id: int, *, after: int) -> list[discord.Message]:
        """
        Our own among the hundred messages behind the message `after`, oldest first.

        For what was sent so long ago that Discord has forgotten its nonce.
        """

        async def call(client: discord.Client) -> list[discord.Message]:
            own = client.user.id if client.user else 0
            history = client.get_partial_messageable(channel_id).history(
                limit=SEARCHED, after=discord.Object(after), oldest_first=True
            )
            return [message async for message in history if message.author.id == own]

        return await self.call("search", call)

    async def edit(
        self,
        channel_id: int,
        message_id: int,
        text: str,
        *,
        view: discord.ui.View | None,
        files: Sequence[File] = (),
        persistent: bool,
        had_turn: bool,
    ) -> None:
        """
        Replace a message. Raises `Gone`, `Unchangeable` (`Rejected` where that may be for the
        files), or `Undelivered`: at once unless `persistent`.

        `had_turn`: the caller has waited for `turn_to_edit`; else it goes before all of those.
        """

        async def call(client: discord.Client) -> None:
            place = client.get_partial_messageable(channel_id).get_partial_message(message_id)
            more: dict[str, Any] = {"attachments": _files(files)} if files else {}
            try:
                await place.edit(content=text, view=view, **more)
            except discord.HTTPException as refusal:
                if refusal.code in NO_EDITS:
                    raise Unchangeable from refusal
                raise

        turns = _Turns(self._pace, "PATCH", channel_id, had_one=had_turn)
        try:
            await self._tried("edit", call, PERSISTENT_TRIES if persistent else 1, turns)
        except Rejected as refusal:
            if files:
                raise
            raise Unchangeable from refusal

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message of ours, if it is still there. Raises `Undelivered`."""

        async def call(client: discord.Client) -> None:
            place = client.get_partial_messageable(channel_id)
            await place.get_partial_message(message_id).delete()

        with suppress(Gone):
            await self.call("delete", call)

    async def call(self, what: str, call: Callable[[discord.Client], Awaitable[T]]) -> T:
        """Anything else that must happen, as long as `send`. Raises `Gone` or `Undelivered`."""
        try:
            return await self._tried(what, call, PERSISTENT_TRIES)
        except Rejected as refusal:
            raise Gone(what) from refusal

    async def _tried(
        self,
        what: str,
        call: Callable[[discord.Client], Awaitable[T]],
        tries: int,
        turns: "_Turns | None" = None,
    ) -> T:
        pause = FIRST_PAUSE_SECONDS
        for left in range(tries - 1, -1, -1):
            await self._there.wait()
            assert self._client is not None
            try:
                if turns is None:
                    return await call(self._client)
                async with turns:
                    return await call(self._client)
            except (discord.NotFound, discord.Forbidden) as refusal:
                log.info("discord.refused", what=what, code=refusal.code)
                raise Gone(what) from refusal
            except discord.HTTPException as failure:
                if failure.code == TOKEN_OVER:
                    raise Gone(what) from failure
                if failure.status < 500 and failure.status not in TRIED_AGAIN:
                    status, code = failure.status, failure.code
                    log.warning("discord.rejected", what=what, status=status, code=code)
                    raise Rejected(what) from failure
                reason: Exception = failure
            except (aiohttp.ClientError, OSError, TimeoutError, discord.RateLimited) as failure:
                reason = failure
            except RuntimeError as closed:  # the session of a client that is being replaced
                reason = closed
            log.info("discord.failed", what=what, error=type(reason).__name__, left=left)
            if left:
                await self._clock.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        raise Undelivered(what)


@dataclass(slots=True)
class _Turns:
    """A turn for every try of a request."""

    pace: Pace
    method: str
    channel_id: int
    had_one: bool

    async def __aenter__(self) -> None:
        if not self.had_one:
            await self.pace.turn(self.method, self.channel_id, urgent=True)
        self.had_one = False

    async def __aexit__(self, *_: object) -> None:
        self.pace.over(self.method, self.channel_id)


def _paced(method: str, path: str) -> int | None:
    """The channel, for requests that have turns."""
    found = MESSAGES.search(path) if method.upper() in ("POST", "PATCH") else None
    return None if found is None else int(found[1])


def _files(files: Sequence[File]) -> list[discord.File]:
    return [discord.File(io.BytesIO(one.data), filename=one.name) for one in files]
