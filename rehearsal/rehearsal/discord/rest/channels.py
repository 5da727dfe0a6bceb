"""Channels and threads."""

from aiohttp import web

from rehearsal.discord import shapes
from rehearsal.discord.door import answer, nothing, number
from rehearsal.discord.errors import Refused, forbidden, invalid, unknown
from rehearsal.discord.rest.bodies import check_message, read
from rehearsal.discord.state import State
from rehearsal.discord.world import Channel, Json, Kind, May
from rehearsal.discord.writing import Draft, change_thread, drop_channel, open_thread, post


class Channels:
    """`/channels/{channel}`, its threads, and the threads of a guild."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        at = "/channels/{channel}"
        return [
            web.get(at, self.one),
            web.patch(at, self.edit),
            web.delete(at, self.delete),
            web.post(at + "/messages/{message}/threads", self.thread_from_message),
            web.post(at + "/threads", self.thread),
            web.get(at + "/threads/archived/public", self.archived),
            web.put(at + "/thread-members/@me", self.join),
            web.delete(at + "/thread-members/@me", self.leave),
            web.put(at + "/thread-members/{user}", self.join),
            web.delete(at + "/thread-members/{user}", self.leave),
            web.get(at + "/thread-members", self.members),
            web.get("/guilds/{guild}/threads/active", self.active),
        ]

    async def one(self, request: web.Request) -> web.Response:
        """A channel or thread."""
        return answer(self._shape(self._channel(request)))

    async def edit(self, request: web.Request) -> web.Response:
        """Rename, archive or lock a thread; its creator may, unless it is locked."""
        channel = self._channel(request)
        body, _ = await read(request, self._state)
        own = channel.thread
        if own is None:
            raise forbidden()
        if own.owner != self._state.bot.id or own.locked or "locked" in body:
            self._state.need(channel, May.MANAGE_THREADS)
        if (
            own.archived
            and set(body) - {"archived", "locked"}
            and body.get("archived") is not False
        ):
            raise Refused(400, 50083, "Thread is archived")
        name = _name(body) if "name" in body else None
        change_thread(
            self._state,
            channel,
            archived=body.get("archived"),
            locked=body.get("locked"),
            name=name,
        )
        own.auto_archive = body.get("auto_archive_duration") or own.auto_archive
        return answer(self._shape(channel))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a thread, or close a DM (which stays)."""
        channel = self._channel(request)
        if channel.kind is not Kind.DM:
            self._state.need(channel, May.MANAGE_THREADS)
            drop_channel(self._state, channel)
        return answer(self._shape(channel))

    async def thread_from_message(self, request: web.Request) -> web.Response:
        """A thread that hangs on a message and has its id."""
        state, channel = self._state, self._channel(request)
        if channel.kind is not Kind.TEXT:
            raise Refused(400, 50024, "Cannot execute action on this channel type")
        message = state.message(channel, number(request, "message"))
        state.need(channel, May.CREATE_PUBLIC_THREADS)
        body, _ = await read(request, state)
        if message.id in state.channels:
            raise Refused(400, 160004, "A thread has already been created for this message")
        days = body.get("auto_archive_duration") or 1440
        thread = open_thread(
            state, channel, _name(body), state.bot, message=message, auto_archive=days
        )
        return answer(self._shape(thread), status=201)

    async def thread(self, request: web.Request) -> web.Response:
        """A thread of its own, or a post in a forum, which begins with a message."""
        state, channel = self._state, self._channel(request)
        if channel.kind not in (Kind.TEXT, Kind.FORUM):
            raise Refused(400, 50024, "Cannot execute action on this channel type")
        body, files = await read(request, state)
        name = _name(body)
        days = body.get("auto_archive_duration") or 1440
        if channel.kind is Kind.TEXT:
            state.need(channel, May.CREATE_PUBLIC_THREADS)
            return answer(
                self._shape(open_thread(state, channel, name, state.bot, auto_archive=days)),
                status=201,
            )
        state.need(channel, May.SEND_MESSAGES)
        first: Json = body.get("message") or {}
        check_message(first)
        if not (first.get("content") or first.get("embeds") or files):
            raise Refused(400, 50006, "Cannot send an empty message")
        thread = open_thread(state, channel, name, state.bot, auto_archive=days)
        draft = Draft(
            str(first.get("content") or ""), files, first.get("embeds") or [],
            first.get("components") or [], allowed=first.get("allowed_mentions"),
        )  # fmt: skip
        message = post(state, thread, state.bot, draft, message_id=thread.id)
        return answer(self._shape(thread) | {"message": state.shape(message)}, status=201)

    async def archived(self, request: web.Request) -> web.Response:
        """The archived threads of a channel, the last archived first."""
        channel = self._channel(request)
        self._state.need(channel, May.READ_MESSAGE_HISTORY)
        found = [
            each
            for each in self._state.channels.values()
            if each.parent == channel.id and each.thread is not None and each.thread.archived
        ]
        return answer(self._list(found))

    async def active(self, request: web.Request) -> web.Response:
        """The threads of a guild that are not archived."""
        guild = self._state.guild(number(request, "guild"))
        found = [
            each
            for each in self._state.channels_of(guild)
            if each.thread is not None and not each.thread.archived
        ]
        return answer(self._list(found))

    async def join(self, request: web.Request) -> web.Response:
        """Somebody, or the bot itself, becomes a member of a thread."""
        thread = self._thread(request)
        assert thread.thread is not None
        thread.thread.members.setdefault(self._who(request), self._state.now())
        return nothing()

    async def leave(self, request: web.Request) -> web.Response:
        """Somebody, or the bot itself, leaves a thread."""
        thread = self._thread(request)
        assert thread.thread is not None
        thread.thread.members.pop(self._who(request), None)
        return nothing()

    async def members(self, request: web.Request) -> web.Response:
        """The members of a thread."""
        thread = self._thread(request)
        assert thread.thread is not None
        return answer([shapes.thread_member(thread, each) for each in thread.thread.members])

    def _channel(self, request: web.Request) -> Channel:
        channel = self._state.channel(number(request, "channel"))
        self._state.need(channel)
        return channel

    def _thread(self, request: web.Request) -> Channel:
        channel = self._channel(request)
        if channel.thread is None:
            raise unknown("Channel")
        return channel

    def _who(self, request: web.Request) -> int:
        if "user" not in request.match_info:
            return self._state.bot.id
        return self._state.person(number(request, "user")).id

    def _shape(self, channel: Channel) -> Json:
        return shapes.channel(channel, bot=self._state.bot.id)

    def _list(self, threads: list[Channel]) -> Json:
        bot = self._state.bot.id
        joined = [each for each in threads if each.thread and bot in each.thread.members]
        return {
            "threads": [self._shape(each) for each in threads],
            "members": [shapes.thread_member(each, bot) for each in joined],
            "has_more": False,
        }


def _name(body: Json) -> str:
    name = str(body.get("name") or "")
    if not 1 <= len(name) <= 100:
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return name
