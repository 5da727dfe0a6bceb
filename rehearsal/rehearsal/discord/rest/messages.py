"""Messages, reactions, typing."""

from urllib.parse import unquote

from aiohttp import web

from rehearsal.discord.door import answer, nothing, number
from rehearsal.discord.errors import Refused, invalid
from rehearsal.discord.rest.bodies import check_message, read
from rehearsal.discord.shapes import user
from rehearsal.discord.state import State
from rehearsal.discord.world import EPHEMERAL, LOADING, Channel, Json, Kind, May, Message
from rehearsal.discord.writing import Draft, File, post, react, remove, rewrite


class Messages:
    """`/channels/{channel}/messages` and what is below it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        at = "/channels/{channel}/messages"
        one = at + "/{message}"
        mine = one + "/reactions/{emoji}/@me"
        return [
            web.get(at, self.history),
            web.post(at, self.create),
            web.get(one, self.one),
            web.patch(one, self.edit),
            web.delete(one, self.delete),
            web.post(at + "/bulk-delete", self.bulk_delete),
            web.put(mine, self.add_reaction),
            web.delete(mine, self.take_reaction),
            web.get(one + "/reactions/{emoji}", self.reactors),
            web.delete(one + "/reactions/{emoji}/{user}", self.take_reaction_of),
            web.post("/channels/{channel}/typing", self.typing),
        ]

    async def history(self, request: web.Request) -> web.Response:
        """Newest first, `limit` (50), before, after or around an id."""
        channel = self._channel(request)
        self._state.need(channel, May.READ_MESSAGE_HISTORY)
        limit = int(request.query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        seen = [each for each in channel.messages.values() if each.seen_by is None]
        return answer([self._state.shape(each) for each in _page(seen, request, limit)])

    async def create(self, request: web.Request) -> web.Response:
        """A message of the bot; the same `nonce` again answers with the message there is."""
        state, channel = self._state, self._channel(request)
        body, files = await read(request, state)
        check_message(body)
        self._may_write(channel, body, files)
        again = _same_nonce(channel, body)
        if again is not None:
            return answer(state.shape(again))
        return answer(
            state.shape(post(state, channel, state.bot, self._draft(channel, body, files)))
        )

    def _draft(self, channel: Channel, body: Json, files: list[File]) -> Draft:
        reference = body.get("message_reference") or {}
        reply_to = int(reference["message_id"]) if reference.get("message_id") else None
        if reply_to is not None and reply_to not in channel.messages:
            if reference.get("fail_if_not_exists", True):
                raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            reply_to = None
        return Draft(
            str(body.get("content") or ""),
            files,
            body.get("embeds") or [],
            body.get("components") or [],
            int(body.get("flags") or 0) & ~(EPHEMERAL | LOADING),
            reply_to,
            body.get("nonce"),
            body.get("allowed_mentions"),
        )

    def _may_write(self, channel: Channel, body: Json, files: list[File]) -> None:
        if channel.kind is Kind.FORUM:
            raise Refused(400, 50008, "Cannot send messages in a non-text channel")
        thread = channel.thread
        write = May.SEND_MESSAGES if thread is None else May.SEND_MESSAGES_IN_THREADS
        self._state.need(channel, write)
        if files:
            self._state.need(channel, May.ATTACH_FILES)
        if thread is not None and thread.locked:
            raise Refused(403, 50083, "Thread is archived")
        filled = body.get("content") or body.get("embeds") or body.get("components") or files
        if not filled:
            raise Refused(400, 50006, "Cannot send an empty message")

    async def one(self, request: web.Request) -> web.Response:
        """A message."""
        message = self._message(request)
        self._state.need(self._channel(request), May.READ_MESSAGE_HISTORY)
        return answer(self._state.shape(message))

    async def edit(self, request: web.Request) -> web.Response:
        """Change a message of the bot's own."""
        state, message = self._state, self._message(request)
        state.need(self._channel(request))
        body, files = await read(request, state)
        check_message(body)
        if files:
            state.need(self._channel(request), May.ATTACH_FILES)
        if message.author is not state.bot and set(body) - {"flags", "allowed_mentions"}:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        thread = self._channel(request).thread
        if thread is not None and thread.archived:
            raise Refused(400, 50083, "Thread is archived")
        apply(state, message, body, files)
        return answer(state.shape(message))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a message: the bot's own, or with the permission anybody's."""
        message = self._message(request)
        if message.author is not self._state.bot:
            self._state.need(self._channel(request), May.MANAGE_MESSAGES)
        remove(self._state, message)
        return nothing()

    async def bulk_delete(self, request: web.Request) -> web.Response:
        """Delete several."""
        channel = self._channel(request)
        self._state.need(channel, May.MANAGE_MESSAGES)
        body, _ = await read(request, self._state)
        for each in body.get("messages") or ():
            if int(each) in channel.messages:
                remove(self._state, channel.messages[int(each)])
        return nothing()

    async def typing(self, request: web.Request) -> web.Response:
        """The bot is seen typing for ten seconds, or until it writes."""
        channel = self._channel(request)
        self._state.need(channel, May.SEND_MESSAGES)
        channel.typing.append(self._state.clock.monotonic())
        self._state.changed()
        return nothing()

    async def add_reaction(self, request: web.Request) -> web.Response:
        """The bot reacts."""
        channel, message = self._channel(request), self._message(request)
        self._state.need(channel, May.READ_MESSAGE_HISTORY)
        if _emoji(request) not in message.reactions:
            self._state.need(channel, May.ADD_REACTIONS)
        react(self._state, message, self._state.bot, _emoji(request), on=True)
        return nothing()

    async def take_reaction(self, request: web.Request) -> web.Response:
        """The bot takes its reaction back."""
        message = self._message(request)
        react(self._state, message, self._state.bot, _emoji(request), on=False)
        return nothing()

    async def take_reaction_of(self, request: web.Request) -> web.Response:
        """The bot removes somebody's reaction."""
        self._state.need(self._channel(request), May.MANAGE_MESSAGES)
        person = self._state.person(number(request, "user"))
        react(self._state, self._message(request), person, _emoji(request), on=False)
        return nothing()

    async def reactors(self, request: web.Request) -> web.Response:
        """Who reacted with an emoji."""
        who = self._message(request).reactions.get(_emoji(request), [])
        return answer([user(self._state.people[each]) for each in who])

    def _channel(self, request: web.Request) -> Channel:
        channel = self._state.channel(number(request, "channel"))
        self._state.need(channel)
        return channel

    def _message(self, request: web.Request) -> Message:
        return self._state.message(self._channel(request), number(request, "message"))


def apply(state: State, message: Message, body: Json, files: list[File]) -> None:
    """Do to a message what the body of an edit says; a null empties the field."""
    kept = body.get("attachments")
    rewrite(
        state,
        message,
        content=str(body["content"] or "") if "content" in body else None,
        embeds=(body["embeds"] or []) if "embeds" in body else None,
        components=(body["components"] or []) if "components" in body else None,
        flags=body.get("flags"),
        kept=None if kept is None else [int(each["id"]) for each in kept],
        files=files,
        allowed=body.get("allowed_mentions"),
    )


def _same_nonce(channel: Channel, body: Json) -> Message | None:
    nonce = body.get("nonce")
    if nonce is None or not body.get("enforce_nonce"):
        return None
    return next((each for each in channel.messages.values() if each.nonce == nonce), None)


def _page(seen: list[Message], request: web.Request, limit: int) -> list[Message]:
    query = request.query
    if "after" in query:
        later = [each for each in seen if each.id > int(query["after"])]
        return later[:limit][::-1]
    if "around" in query:
        middle = int(query["around"])
        before = [each for each in seen if each.id <= middle][-(limit // 2 + 1) :]
        after = [each for each in seen if each.id > middle][: limit // 2]
        return (before + after)[::-1][:limit]
    if "before" in query:
        seen = [each for each in seen if each.id < int(query["before"])]
    return seen[-limit:][::-1]


def _emoji(request: web.Request) -> str:
    return unquote(request.match_info["emoji"])
