"""`/api/chat` and `/api/generate`: load, unload, or answer, as one stream or whole."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from aiohttp import web

from rehearsal.bodies import read_body
from rehearsal.conversation import Conversation
from rehearsal.errors import Dropped, Refusal, RunnerDied, TooLong
from rehearsal.ollama.answers import Teller, Wording, chat_wording, generate_wording
from rehearsal.ollama.requests import (
    Asked,
    check_abilities,
    load_plan,
    parse_chat,
    parse_generate,
    thinking_times,
)  # fmt: skip
from rehearsal.ollama.residents import LoadPlan, Residents
from rehearsal.ollama.roster import Roster
from rehearsal.performance import Outcome, Part, Scene, perform
from rehearsal.record import RequestEntry
from rehearsal.replies import choose_reply
from rehearsal.script import ScriptedModel
from rehearsal.stage import Rehearsal
from rehearsal.streaming import Stream, break_connection


class Answering:
    """The two endpoints that make a model speak."""

    def __init__(self, stage: Rehearsal, *, roster: Roster, residents: Residents) -> None:
        self._stage = stage
        self._roster = roster
        self._residents = residents

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /api/chat`."""
        return await self._serve(request, parse_chat, chat_wording, purpose="chat")

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """`POST /api/generate`."""
        return await self._serve(request, parse_generate, generate_wording, purpose="generate")

    async def _serve(
        self,
        request: web.Request,
        parse: Callable[[Mapping[str, Any]], Asked],
        wording: Wording,
        *,
        purpose: str,
    ) -> web.StreamResponse:
        body = read_body(await request.read())
        name = str(body.get("model", ""))
        with self._stage.record.request("ollama", request.path, name, body) as entry:
            asked = parse(body)
            model = self._roster.find(asked.model)
            teller = Teller(self._stage, model=asked.model, wording=wording)
            plan = load_plan(asked, model, self._stage.script.ollama)
            if asked.conversation is None and plan.keep_alive == 0:  # whatever it can do
                self._residents.unload(plan.model.name)
                return _json(teller.bare_end("unload"))
            check_abilities(asked, model, purpose=purpose)
            if asked.conversation is None:
                await self._residents.load(plan)
                return _json(teller.bare_end("load"))
            entry.heard(asked.conversation)
            play = partial(self._play, asked, asked.conversation, plan, teller, entry)
            return await _Answer(request, stream=asked.stream).give(play, entry)

    async def _play(
        self,
        asked: Asked,
        conversation: Conversation,
        plan: LoadPlan,
        teller: Teller,
        entry: RequestEntry,
        answer: "_Answer",
    ) -> None:
        asked_at = self._stage.pace.real()
        async with self._residents.use(plan):
            entry.started = self._stage.pace.real()
            scene = self._scene(
                asked, fitted(conversation, plan.context, truncate=asked.truncate), plan.model
            )
            try:
                outcome = await perform(
                    scene, stage=self._stage, entry=entry, emit=partial(answer.add, teller)
                )
            except RunnerDied:
                self._residents.crash(plan.model.name)
                raise
            await answer.end(teller, outcome, load_seconds=entry.started - asked_at)

    def _scene(self, asked: Asked, conversation: Conversation, model: ScriptedModel) -> Scene:
        times = thinking_times(asked, model)
        reply = choose_reply(self._stage.script, model, conversation, thinks=times > 0)
        if times > 1:
            reply = replace(reply, thinking=" ".join([reply.thinking] * times))
        return Scene(
            model=model,
            reply=reply,
            prompt_tokens=conversation.size(),
            limit=asked.limit,
            shaped=conversation.shape is not None,
        )


class _Answer:
    """One answer on its way: each part a line, or all of them in one object."""

    def __init__(self, request: web.Request, *, stream: bool) -> None:
        self._request = request
        self._streams = stream
        self._stream = Stream(request, "application/x-ndjson")
        self._whole = Part()

    async def give(
        self, play: Callable[["_Answer"], Awaitable[None]], entry: RequestEntry
    ) -> web.StreamResponse:
        """Let `play` fill this answer; failures become what a client of Ollama would see."""
        try:
            await play(self)
        except Dropped:
            break_connection(self._request)
            return self._stream.response
        except Refusal as refusal:
            if not self._stream.started:
                raise
            entry.error = refusal.message
            await self._stream.send(orjson.dumps({"error": refusal.message}) + b"\n")
        return await self._stream.finish()

    async def add(self, teller: Teller, part: Part) -> None:
        """The next part."""
        if self._streams:
            await self._stream.send(orjson.dumps(teller.chunk(part)) + b"\n")
        else:
            self._whole = self._whole.with_more(part)

    async def end(self, teller: Teller, outcome: Outcome, *, load_seconds: float) -> None:
        """The last object; for a whole answer the only one."""
        body = teller.end(outcome, whole=self._whole, load_seconds=load_seconds)
        if not self._streams:
            self._stream.response.content_type = "application/json"
        await self._stream.send(orjson.dumps(body) + (b"\n" if self._streams else b""))


def fitted(conversation: Conversation, context: int, *, truncate: bool) -> Conversation:
    """
    What of `conversation` fits `context` tokens: as Ollama does, the oldest turns are forgotten.

    System messages and the last turn stay. Raises `TooLong` where truncation is not wanted.
    """
    said = list(conversation.messages)
    size = conversation.size()
    if size > context and not truncate:
        raise TooLong
    for old in conversation.messages[:-1]:
        if size <= context:
            break
        if old.role != "system":
            said.remove(old)
            size -= old.size()
    return replace(conversation, messages=tuple(said))


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
