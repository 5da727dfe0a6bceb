"""What is asked of a whole conversation (reset, summarize, close), from the command to its end."""

from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import TaskGroup

from bot.chat.delivery import Delivery, Gone, Rejected, Undelivered, nonce_of
from bot.link import Link
from bot.texts import of_failed
from shared.clock import Clock
from shared.protocol import Close, Done, Failed, Reset, Summarize

log = structlog.get_logger(__name__)
PREFIX = "o"
AGAIN_SECONDS = 30.0
"""How long to wait when Discord did not take an end for minutes."""


def order_id(channel_id: int, interaction_id: int) -> str:
    """Says where the end is to be shown, also to a bot that has just started."""
    return f"{PREFIX}-{channel_id}-{interaction_id}"


def channel_of(ask_id: str) -> int | None:
    """The channel of an order; None for other ids."""
    match ask_id.split("-"):
        case [prefix, channel_id, number] if prefix == PREFIX:
            return int(channel_id) if channel_id.isdecimal() and number.isdecimal() else None
    return None


@dataclass(slots=True)
class _Waiting:
    ended: anyio.Event = field(default_factory=anyio.Event)
    end: Done | Failed | None = None


@dataclass(slots=True)
class Orders:
    """Each order gets one end, in the answer to its command or as an ordinary message."""

    link: Link
    delivery: Delivery
    tasks: TaskGroup
    clock: Clock
    _waiting: dict[str, _Waiting] = field(default_factory=dict)

    async def carry_out(
        self, order: Reset | Summarize | Close, *, patience_seconds: float
    ) -> Done | Failed | None:
        """The end, to be confirmed with `shown`; None: it will come as an ordinary message."""
        waiting = self._waiting[order.ask_id] = _Waiting()
        self.link.ask(order)
        with anyio.move_on_after(patience_seconds):
            await waiting.ended.wait()
        self._waiting.pop(order.ask_id, None)
        return waiting.end

    def shown(self, ask_id: str) -> None:
        """The person has seen the end."""
        self.link.shown(ask_id)

    def take_end(self, end: Done | Failed) -> bool:
        """Whether it was the end of an order."""
        channel_id = channel_of(end.ask_id or "")
        if end.ask_id is None or channel_id is None:
            return False
        waiting = self._waiting.get(end.ask_id)
        if waiting is not None:
            waiting.end = end
            waiting.ended.set()
        else:
            self.tasks.start_soon(self.say, end, channel_id)
        return True

    async def say(self, end: Done | Failed, channel_id: int) -> None:
        """The end as an ordinary message, when the command's own answer is no longer possible."""
        text = end.text if isinstance(end, Done) else of_failed(end)
        while not await self._said(channel_id, text[:2000], nonce_of(end.ask_id)):
            await self.clock.sleep(AGAIN_SECONDS)
        if end.ask_id is not None:
            await self._clear(end.ask_id, channel_id)
            self.link.shown(end.ask_id)

    async def _said(self, channel_id: int, text: str, nonce: str) -> bool:
        """False: later it may be taken; until then nothing that comes after it is confirmed."""
        try:
            await self.delivery.send(channel_id, text, nonce=nonce)
        except Undelivered:
            return False
        except (Gone, Rejected):
            log.info("order.nowhere_to_say")
        return True

    async def _clear(self, ask_id: str, channel_id: int) -> None:
        """Delete the answer to the command, which would go on saying "thinking…"."""
        interaction_id = int(ask_id.rpartition("-")[2])
        try:
            for message in await self.delivery.search(channel_id, after=interaction_id):
                answers = message.interaction_metadata
                if answers is not None and answers.id == interaction_id:
                    await self.delivery.delete(channel_id, message.id)
        except (Gone, Undelivered):
            log.info("order.not_cleared")
