"""
Whether a job that is worked on already is in the store.

             ┌─ settle(True) ──▶ kept        its frames may go out, its model may speak
    unknown ─┤
             └─ settle(False) ─▶ refused     the work on it never happened

Writing takes as long as loading the conversation, choosing a route and making the prompt. So work
on a question that finds a free worker begins while it is written; nobody hears of it before.
"""

from collections.abc import Callable

import anyio


class Kept:
    """Of one claim."""

    def __init__(self) -> None:
        self._settled = anyio.Event()
        self._is_kept = False
        self._refused: Callable[[], None] | None = None

    @classmethod
    def already(cls) -> "Kept":
        """For a job that comes from the store."""
        kept = cls()
        kept.settle(True)
        return kept

    def settle(self, is_kept: bool) -> None:
        """The store has taken the job, or has not."""
        self._is_kept = is_kept
        self._settled.set()
        if not is_kept and self._refused is not None:
            self._refused()

    def when_refused(self, stop: Callable[[], None]) -> None:
        """Call `stop` as soon as it turns out that the job was not taken."""
        self._refused = stop
        if self.is_refused:
            stop()

    @property
    def is_kept(self) -> bool:
        """Whether it is known to be in the store."""
        return self._is_kept

    @property
    def is_refused(self) -> bool:
        """Whether it is known not to have been taken."""
        return self._settled.is_set() and not self._is_kept

    async def settled(self) -> bool:
        """Whether it is in the store, once that is known."""
        await self._settled.wait()
        return self._is_kept

    async def wait(self) -> None:
        """Return once it is in the store; never, if it was refused: the work is being stopped."""
        if not await self.settled():
            await anyio.sleep_forever()
