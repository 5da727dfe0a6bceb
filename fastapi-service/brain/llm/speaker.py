"""The one door to any model: a lease, held for exactly as long as the model is spoken with."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

import aiohttp
from pydantic import BaseModel

from brain.llm.agent import run
from brain.llm.chat_model import ChatModel
from brain.llm.connection import Connection, Patience
from brain.llm.dialect import Dialect, Wish
from brain.llm.messages import Leased, Piece, Prompt
from brain.llm.ollama import OllamaDialect
from brain.llm.openai import OpenAIDialect
from brain.vram.errors import ServerKind
from brain.vram.orchestrator import Lease, Orchestrator, Progress, ignore

T = TypeVar("T", bound=BaseModel)
DIALECTS: dict[ServerKind, Dialect] = {"ollama": OllamaDialect(), "openai": OpenAIDialect()}
DECISION_TOKENS = 512
"""Enough for a small object and for what a model that cannot stop thinking thinks before it."""


class Speaker:
    """Speaks with models for everybody. Close `session` (`connection.new_session`) after use."""

    def __init__(
        self,
        vram: Orchestrator,
        *,
        session: aiohttp.ClientSession,
        first_token_seconds: float,
        gap_seconds: float,
    ) -> None:
        self._vram = vram
        self._session = session
        self._patience = Patience(first_token_seconds, gap_seconds)

    async def stream(
        self, prompt: Prompt, *, tell: Callable[[Progress], None] = ignore
    ) -> AsyncGenerator[Piece, None]:
        """
        The answer: `Leased` first, then thinking and text as they come, `Finished` last.

        `tell` gets the news of the wait for the model. Raises what `Orchestrator.lease` raises,
        `BackendFailed`, `BackendUnreachable`, `ModelUnavailable`, `LoadFailed`, `ContextExceeded`.
        Use it in `contextlib.aclosing`: leaving early then gives the lease back and closes the
        connection at once.
        """
        async with self._vram.lease(prompt.model, tell=tell) as lease:
            yield Leased(lease)
            wish = Wish(spec=lease.spec, think=prompt.think, max_tokens=prompt.max_tokens)
            pieces = run(
                self._model(lease, wish),
                system=prompt.system,
                messages=prompt.messages,
                tools=prompt.tools if lease.spec.tools else (),
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

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

        Raises as `stream` does; `BackendFailed` also when the answer is not such an object.
        """
        async with self._vram.lease(model, tell=tell) as lease:
            wish = Wish(
                spec=lease.spec,
                max_tokens=DECISION_TOKENS,
                temperature=0.0,
                schema=schema.model_json_schema(),
            )
            chat = self._model(lease, wish)
            answer = chat.structured_output(
                schema, [{"role": "user", "content": [{"text": text}]}], system
            )
            async with aclosing(answer):
                async for event in answer:
                    return event["output"]
        raise AssertionError("structured_output gives one event or raises")

    def _model(self, lease: Lease, wish: Wish) -> ChatModel:
        connection = Connection(
            self._session, server=lease.server, model=lease.spec.name, patience=self._patience
        )
        return ChatModel(connection, dialect=DIALECTS[lease.server.kind], wish=wish)
