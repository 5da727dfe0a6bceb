"""A line of those who wait for their turn: ends of answers first, else in the order they came."""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from shared.clock import Clock

LEAST_NAP_SECONDS = 0.001
"""Longer than what rounding leaves of a wait."""


@dataclass(slots=True, eq=False)
class _Ticket:
    urgent: bool
    bell: anyio.Event = field(default_factory=anyio.Event)


class Line:
    """Only the first looks whether it may go; the others wait for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[_Ticket] = []

    @property
    def urgent_waiting(self) -> int:
        """How many of those who wait are urgent."""
        return sum(ticket.urgent for ticket in self._waiting)

    async def turn(self, pause_seconds: Callable[[], float], *, urgent: bool) -> None:
        """
        Return when this one is first and `pause_seconds` says 0 or less.

        It is asked again when that time has passed and after every `look`. The caller changes what
        it depends on before it waits for anything else.
        """
        ticket = _Ticket(urgent)
        at = self.urgent_waiting if urgent else len(self._waiting)
        self._waiting.insert(at, ticket)
        try:
            while True:
                if self._waiting[0] is not ticket:
                    await ticket.bell.wait()
                elif (wait := pause_seconds()) > 0:
                    await self._bell_or(wait, ticket)
                else:
                    return
                ticket.bell = anyio.Event()
        finally:
            self._waiting.remove(ticket)
            self.look()

    def look(self) -> None:
        """Something changed: the first is to look again."""
        if self._waiting:
            self._waiting[0].bell.set()

    async def _bell_or(self, seconds: float, ticket: _Ticket) -> None:
        async with anyio.create_task_group() as tasks:

            async def nap() -> None:
                await self._clock.sleep(max(seconds, LEAST_NAP_SECONDS))
                tasks.cancel_scope.cancel()

            tasks.start_soon(nap)
            await ticket.bell.wait()
            tasks.cancel_scope.cancel()
