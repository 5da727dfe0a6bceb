"""What an operator asked for and is still under way: a load may take minutes, a page may not."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from anyio.from_thread import BlockingPortal

from shared.errors import BoundaryError
from shared.http import Peer

ORDER_SECONDS = 960.0
"""A little longer than the brain itself waits for a load."""

KEPT = 4
Method = Literal["POST", "DELETE"]
Told = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Order:
    """One order: `asked` is what is said until `answer` is there."""

    asked: str
    answer: "Future[Any]"
    told: Told

    @property
    def under_way(self) -> bool:
        """Whether its end is still to come."""
        return not self.answer.done()

    def outcome(self) -> tuple[bool, str]:
        """Whether it went well, and the sentence; only when it is not under way any more."""
        try:
            return True, self.told(self.answer.result())
        except BoundaryError as refusal:
            return False, str(refusal)


def order(
    portal: BlockingPortal,
    brain_url: str,
    token: str,
    method: Method,
    path: str,
    *,
    asked: str,
    told: Told,
) -> Order:
    """Ask the brain, and go on at once. `path` is encoded already."""

    async def ask() -> Any:
        async with Peer(
            "The chat server", brain_url, token=token, timeout_seconds=ORDER_SECONDS
        ) as peer:
            return await (peer.post(path) if method == "POST" else peer.delete(path))

    return Order(asked, portal.start_task_soon(ask), told)


def newest(orders: list[Order], one: Order) -> list[Order]:
    """The orders worth showing after one more, the newest first."""
    return [one, *orders][:KEPT]


def encoded(model: str) -> str:
    """A model's name as one part of a path."""
    return quote(model, safe="")
