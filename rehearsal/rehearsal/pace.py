"""Scripted time: every scripted second passes `speed` times faster than a real one."""

from shared.clock import Clock


class Pace:
    """
    Turns the seconds of a script into seconds of a clock.

    Scripted seconds are what models, keep-alive timers and prefill are described in; real seconds
    are what the record reports, so that a test can compare them with its own monotonic clock.
    """

    def __init__(self, clock: Clock, *, speed: float = 1.0) -> None:
        self._clock = clock
        self.speed = speed

    def now(self) -> float:
        """Scripted seconds that never jump."""
        return self._clock.monotonic() * self.speed

    def real(self) -> float:
        """Real seconds that never jump: the monotonic clock of whoever made this."""
        return self._clock.monotonic()

    def as_real(self, scripted: float) -> float:
        """A moment or length of scripted time as real seconds."""
        return scripted / self.speed

    def wall(self) -> float:
        """Real seconds since 1970-01-01 UTC."""
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait for scripted `seconds`."""
        await self._clock.sleep(seconds / self.speed)
