"""The one door to any model: a lease, held for exactly as long as the model is spoken with."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Self, TypeVar

import aiohttp
import anyio
import structlog
from pydantic import BaseModel
from strands.types.tools import ToolSpec

from brain.catalogue.models import ModelSpec
from brain.llm.agent import run
from brain.llm.chat_model import ChatModel, deaf
from brain.llm.connection import Connection, Patience, new_session
from brain.llm.dialect import Dialect, Stop, Wish
from brain.llm.errors import CannotSee
from brain.llm.messages import (
    Call,
    Finished,
    Heard,
    Leased,
    Message,
    Piece,
    Prompt,
    Sampling,
    Script,
    Text,
    Thinking,
    Tool,
    Turn,
)
from brain.llm.ollama import OllamaDialect
from brain.llm.openai import OpenAIDialect
from brain.llm.pace import Pace
from brain.llm.vectors import question, vectors_of
from brain.vram.errors import ModelLost, ServerKind
from brain.vram.orchestrator import Lease, Orchestrator, Progress, ignore
from shared.clock import Clock

__all__ = ["Prompt", "Speaker"]
log = structlog.get_logger(__name__)
T = TypeVar("T", bound=BaseModel)
DIALECTS: dict[ServerKind, Dialect] = {"ollama": OllamaDialect(), "openai": OpenAIDialect()}
DECISION_TOKENS = 512
"""Enough for a small object and for what a model that cannot stop thinking thinks before it."""


async def at_once() -> None:
    """For answers that wait for nothing but their model."""


class Speaker:
    """Speaks with models for everybody; `async with` it, so that its connections are closed."""

    def __init__(
        self,
        vram: Orchestrator,
        *,
        clock: Clock,
        first_token_seconds: float,
        token_gap_seconds: float,
    ) -> None:
        self._vram = vram
        self._clock = clock
        self._patience = Patience(first_token_seconds, token_gap_seconds)
        self._pace = Pace()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = new_session()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def speak(
        self,
        prompt: Prompt,
        *,
        hear: Callable[[Heard], None],
        tell: Callable[[Progress], None] = ignore,
        begin: Callable[[], Awaitable[None]] = at_once,
        arrived: float | None = None,
        patient: bool = True,
    ) -> Finished:
        """
        Have a model answer: `hear` gets `Leased` first, then thinking and text as they come.

        `tell` gets the news of the wait for the model; `begin` is awaited once the model is there,
        before it is asked; `arrived` and `patient` are those of `Orchestrator.lease`.

        Raises what that raises, `BackendFailed`, `BackendUnreachable`, `ModelUnavailable`,
        `LoadFailed`, `ContextExceeded`, `CannotSee`; `ModelLost` as soon as the model has left
        memory. Cancelling gives the lease back and closes the connection at once.
        """
        async with self._vram.lease(
            prompt.model, tell=tell, arrived=arrived, patient=patient
        ) as lease:
            _check_eyes(lease.spec, prompt.messages)
            await begin()
            hear(Leased(lease))
            wish = Wish(
                spec=lease.spec,
                think=prompt.think,
                sampling=Sampling(max_tokens=prompt.max_tokens, temperature=prompt.temperature),
            )
            with self._observed(lease) as observed:

                def noted(piece: Text | Thinking) -> None:
                    observed.piece(piece)
                    hear(piece)

                with _while_there(lease):
                    return await run(
                        self._model(lease, wish, hear=noted),
                        system=prompt.system,
                        messages=prompt.messages,
                        tools=prompt.tools if lease.spec.tools else (),
                    )

    async def complete(
        self,
        script: Script,
        *,
        tell: Callable[[Progress], None] = ignore,
        arrived: float | None = None,
        patient: bool = True,
    ) -> AsyncGenerator[Piece | Call, None]:
        """
        The model's continuation of `script`, one round: tools it calls are given out, not run.

        Otherwise as `speak`; leaving early, in `contextlib.aclosing`, is as good as cancelling. A
        tool can be insisted on (`tool_choice`) where the server knows how to, which Ollama does
        not.
        """
        async with self._vram.lease(
            script.model, tell=tell, arrived=arrived, patient=patient
        ) as lease:
            _check_eyes(lease.spec, [one for one in script.turns if isinstance(one, Turn)])
            yield Leased(lease)
            wish = Wish(
                spec=lease.spec,
                think=script.think,
                sampling=script.sampling,
                schema=script.schema,
                tool_choice=script.tool_choice,
            )
            pieces = _continued(self._model(lease, wish), script)
            with self._observed(lease) as observed:
                async with aclosing(pieces):
                    while (piece := await _next(pieces, lease)) is not None:
                        observed.piece(piece)
                        yield piece

    @contextmanager
    def _observed(self, lease: Lease) -> Iterator["_Observed"]:
        """Counts the pieces of an answer; a line in the log about them when they end."""
        observed = _Observed(self._clock)
        try:
            with self._pace.answer():
                yield observed
        finally:
            log.info(
                "model.spoke",
                model=lease.spec.name,
                server=lease.server.name,
                first_token_seconds=observed.first_seconds,
                seconds=observed.seconds,
                pieces=observed.count,
            )

    async def decide(
        self,
        model: str,
        system: str,
        text: str,
        schema: type[T],
        *,
        tell: Callable[[Progress], None] = ignore,
    ) -> T:
        """
        The model's answer to `text` as an object of `schema`; the caller sets the deadline.

        Raises as `speak` does; `BackendFailed` also when the answer is not such an object.
        """
        async with self._vram.lease(model, tell=tell) as lease:
            wish = Wish(
                spec=lease.spec,
                sampling=Sampling(max_tokens=DECISION_TOKENS, temperature=0.0),
                schema=schema.model_json_schema(),
            )
            chat = self._model(lease, wish)
            answer = chat.structured_output(
                schema, [{"role": "user", "content": [{"text": text}]}], system
            )
            with _while_there(lease):
                async with aclosing(answer):
                    async for event in answer:
                        return event["output"]
        raise AssertionError("structured_output gives one event or raises")

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, by an embedding model. Raises as `speak` does; nobody is told."""
        async with self._vram.lease(model) as lease:
            path, body = question(lease, texts)
            with _while_there(lease):
                async with aclosing(self._connection(lease).lines(path, body)) as batches:
                    lines = [line async for batch in batches for line in batch]
                    return vectors_of(model, b"".join(lines))
        raise AssertionError("a scope that swallows its cancellation has raised")

    def _model(
        self, lease: Lease, wish: Wish, *, hear: Callable[[Text | Thinking], None] = deaf
    ) -> ChatModel:
        connection = self._connection(lease)
        return ChatModel(connection, dialect=DIALECTS[lease.server.kind], wish=wish, hear=hear)

    def _connection(self, lease: Lease) -> Connection:
        assert self._session is not None, "the speaker is used inside its `async with`"
        return Connection(
            self._session,
            server=lease.server,
            model=lease.spec.name,
            patience=self._patience,
            pace=self._pace,
        )


def _check_eyes(spec: ModelSpec, messages: Sequence[Message | Turn]) -> None:
    """Raise `CannotSee` for pictures that a blind model would be given, who might make them up."""
    if not spec.vision and any(one.images for one in messages):
        raise CannotSee(spec.name)


class _Observed:
    """How many pieces came, and when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self.first_seconds: float | None = None
        self.count = 0

    def piece(self, piece: Piece | Call) -> None:
        if not self.count:
            self.first_seconds = self.seconds
        self.count += piece.pieces if isinstance(piece, Text | Thinking) else 1

    @property
    def seconds(self) -> float:
        return round(self._clock.monotonic() - self._began, 3)


@contextmanager
def _while_there(lease: Lease) -> Iterator[None]:
    """Break off as soon as the leased model has left memory, with `ModelLost`."""
    with anyio.CancelScope() as there:
        lease.loss.notify = there.cancel
        if lease.loss.reason:
            there.cancel()
        yield
    if there.cancelled_caught:
        raise ModelLost(lease.spec.name, lease.loss.reason)


async def _next(pieces: AsyncGenerator[Piece | Call, None], lease: Lease) -> Piece | Call | None:
    """
    The next piece, or None at the end. Raises `ModelLost`.

    A scope of its own for each, as none may be open while a generator has given something out.
    """
    with _while_there(lease):
        return await anext(pieces, None)
    raise AssertionError("a scope that swallows its cancellation has raised")


async def _continued(model: ChatModel, script: Script) -> AsyncGenerator[Piece | Call, None]:
    """What the model says, with `Finished` in place of its stop."""
    try:
        async with aclosing(model.said(script.turns, tools=_specs(script.tools))) as answer:
            async for said in answer:
                if isinstance(said, Stop):
                    cut = said.reason == "length"
                    yield Finished(said.input_tokens, said.output_tokens, truncated=cut)
                else:
                    yield said
    finally:
        model.close()


def _specs(tools: Sequence[Tool]) -> list[ToolSpec]:
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "inputSchema": {"json": dict(tool.parameters)},
        }
        for tool in tools
    ]
