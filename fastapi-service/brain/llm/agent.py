"""
Strands for one request: its agent loop where there are tools, its model alone where there are none.

An agent serves one call at a time, so each request has its own. It keeps no history beyond the
request, retries nothing (the queue does), and prints nothing. Without tools there is nothing to
loop over, and an agent would be 2 ms of every answer for nothing (docs/decisions/0017).
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

from strands import Agent
from strands.agent.conversation_manager import NullConversationManager
from strands.tools.executors import SequentialToolExecutor
from strands.types.content import ContentBlock, Messages
from strands.types.exceptions import EventLoopException, MaxTokensReachedException
from strands.types.media import ImageFormat
from strands.types.streaming import StreamEvent

from brain.llm.chat_model import ChatModel
from brain.llm.messages import Finished, Message
from shared.errors import BoundaryError


async def run(
    model: ChatModel,
    *,
    system: str,
    messages: Sequence[Message],
    tools: Sequence[Callable[..., Any]] = (),
) -> Finished:
    """
    Ask, run the tools the model calls, ask again, until it answers. Its words go to the model's
    `hear` as they come.

    Raises the errors of `ChatModel`. Cancelling closes the connection to the server at once.
    """
    if not tools:
        return await _ask_once(model, system=system, messages=messages)
    agent = Agent(
        model=model,
        system_prompt=system or None,
        tools=list(tools),
        callback_handler=None,
        conversation_manager=NullConversationManager(),
        retry_strategy=None,
        # One call after the other, in this task: cancelling an answer ends its tool at once, and a
        # limit on the number of calls is a limit on work under way.
        tool_executor=SequentialToolExecutor(),
    )
    usage = _Usage()
    truncated = False
    try:
        # Annotated as an iterator there; it is a generator.
        stream = cast(AsyncGenerator[dict[str, Any], None], agent.stream_async(_strands(messages)))
        async with aclosing(stream) as events:
            async for event in events:
                if "event" in event:
                    usage.add(event["event"])
    except MaxTokensReachedException:
        truncated = True
    except EventLoopException as wrapped:
        cause = wrapped.original_exception
        if isinstance(cause, BoundaryError):
            raise cause from cause.__cause__
        raise
    finally:
        model.close()
    return Finished(usage.input_tokens, usage.output_tokens, truncated)


async def _ask_once(model: ChatModel, *, system: str, messages: Sequence[Message]) -> Finished:
    usage = _Usage()
    truncated = False
    try:
        async with aclosing(model.stream(_strands(messages), None, system or None)) as events:
            async for event in events:
                usage.add(event)
                if "messageStop" in event:
                    truncated = event["messageStop"]["stopReason"] == "max_tokens"
    finally:
        model.close()
    return Finished(usage.input_tokens, usage.output_tokens, truncated)


class _Usage:
    """Counts over all rounds of a request."""

    def __init__(self) -> None:
        self.input_tokens = 0
        self.output_tokens = 0

    def add(self, event: StreamEvent) -> None:
        if "metadata" in event:
            usage = event["metadata"]["usage"]
            self.input_tokens += usage["inputTokens"]
            self.output_tokens += usage["outputTokens"]


def _strands(messages: Sequence[Message]) -> Messages:
    return [{"role": one.role, "content": _content(one)} for one in messages]


def _content(message: Message) -> list[ContentBlock]:
    text: ContentBlock = {"text": message.text}
    images: list[ContentBlock] = [
        {
            "image": {
                "format": cast(ImageFormat, media_type.removeprefix("image/")),
                "source": {"bytes": raw},
            }
        }
        for media_type, raw in message.images
    ]
    return [text, *images] if message.text or not images else images
