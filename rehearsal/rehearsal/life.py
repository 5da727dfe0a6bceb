"""Whether the program behind a door is alive: it can be killed, and starts again by itself."""

from collections.abc import Awaitable, Callable

import anyio


async def _nothing() -> None:
    """Most servers start with an empty memory."""


class Life:
    """
    The life of one server. Who keeps something in its memory is told when it begins and ends.

    `remember` is awaited before anybody can connect, `forget` is called at a death.
    """

    def __init__(self) -> None:
        self.remember: Callable[[], Awaitable[None]] = _nothing
        self.forget: Callable[[], None] = lambda: None
        self._died = anyio.Event()
        self._down_seconds = 0.0

    def die(self, down_seconds: float) -> None:
        """
        Everything is lost at once, and connections are refused for scripted `down_seconds`.

        A second death while it is down changes nothing.
        """
        if not self._died.is_set():
            self._down_seconds = down_seconds
            self._died.set()

    async def death(self) -> float:
        """Wait for the end of this life; then the scripted seconds until the next."""
        await self._died.wait()
        self.forget()
        return self._down_seconds

    async def begin(self) -> None:
        """A life, the first or the next."""
        self._died = anyio.Event()
        await self.remember()
