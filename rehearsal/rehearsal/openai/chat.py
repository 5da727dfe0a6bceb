"""`/v1/chat/completions`: an answer as server-sent events, or whole."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from rehearsal.bodies import read_body
from rehearsal.errors import Dropped, Incapable, Refusal, TooLong
from rehearsal.openai.answers import Teller
from rehearsal.openai.errors import error_body
from rehearsal.openai.requests import Completion, parse_completion
from rehearsal.openai.shelf import Served, Shelf
from rehearsal.performance import Outcome, Part, Scene, perform
from rehearsal.record import RequestEntry
from rehearsal.replies import Reply, choose_reply
from rehearsal.stage import Rehearsal
from rehearsal.streaming import Stream, break_connection

GIBBERISH = "!!!!!!!!!!!!!!!!"
"""What comes of weights that were dropped and never read again."""


class Completions:
    """The endpoint that makes a model speak."""

    def __init__(self, stage: Rehearsal, *, shelf: Shelf) -> None:
        self._stage = stage
        self._shelf = shelf

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        body = read_body(await request.read())
        name = str(body.get("model", ""))
        with self._stage.record.request("openai", request.path, name, body) as entry:
            asked = parse_completion(body)
            served = self._shelf.find(asked.model)
            _check_abilities(asked, served)
            entry.heard(asked.conversation)
            teller = Teller(self._stage, model=asked.model)
            play = partial(self._play, asked, served, entry)
            return await _Answer(request, teller, asked).give(play, entry)

    async def _play(
        self, asked: Completion, served: Served, entry: RequestEntry, answer: "_Answer"
    ) -> None:
        async with self._shelf.uses(served) as sane, served.slots:
            entry.started = self._stage.pace.real()
            thinks = asked.thinks and served.model.can("thinking")
            conversation = asked.conversation
            reply = choose_reply(self._stage.script, served.model, conversation, thinks=thinks)
            scene = Scene(
                model=served.model,
                reply=reply if sane else Reply(GIBBERISH),
                prompt_tokens=conversation.size(),
                limit=asked.limit,
                shaped=conversation.shape is not None,
            )
            outcome = await perform(scene, stage=self._stage, entry=entry, emit=answer.add)
            await answer.end(outcome)


class _Answer:
    """One answer on its way: each part an event, or all of them in one object."""

    def __init__(self, request: web.Request, teller: Teller, asked: Completion) -> None:
        self._request = request
        self._teller = teller
        self._asked = asked
        kind = "text/event-stream" if asked.stream else "application/json"
        self._stream = Stream(request, kind)
        self._whole = Part()

    async def give(
        self, play: Callable[["_Answer"], Awaitable[None]], entry: RequestEntry
    ) -> web.StreamResponse:
        """Let `play` fill this answer; a failure after the first event is an event itself."""
        try:
            await play(self)
        except Dropped:
            break_connection(self._request)
            return self._stream.response
        except Refusal as refusal:
            if not self._stream.started:
                raise
            entry.error = refusal.message
            await self._event(error_body(refusal))
        if self._asked.stream:
            await self._stream.send(b"data: [DONE]\n\n")
        return await self._stream.finish()

    async def add(self, part: Part) -> None:
        """The next part."""
        if not self._asked.stream:
            self._whole = self._whole.with_more(part)
            return
        await self._open()
        for chunk in self._teller.chunks(part):
            await self._event(chunk)

    async def end(self, outcome: Outcome) -> None:
        """What comes behind the last part."""
        if not self._asked.stream:
            await self._stream.send(orjson.dumps(self._teller.whole(self._whole, outcome)))
            return
        await self._open()
        await self._event(self._teller.ending(outcome))
        if self._asked.include_usage and outcome.counted:
            await self._event(self._teller.usage(outcome))

    async def _open(self) -> None:
        if not self._stream.started:
            await self._event(self._teller.opening())

    async def _event(self, body: dict[str, Any]) -> None:
        await self._stream.send(b"data: " + orjson.dumps(body) + b"\n\n")


def _check_abilities(asked: Completion, served: Served) -> None:
    """Raises `Incapable` or `TooLong`."""
    model, conversation = served.model, asked.conversation
    if not model.can("completion"):
        raise Incapable(model.name, "chat")
    if conversation.tools and not model.can("tools"):
        raise Incapable(model.name, "tools")
    if not model.can("vision") and any(said.images for said in conversation.messages):
        raise Incapable(model.name, "vision")
    if conversation.size() > model.context:
        raise TooLong
