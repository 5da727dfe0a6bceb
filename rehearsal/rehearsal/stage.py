"""The rehearsal itself: one script, its faults, what was seen; all servers play on it."""

from collections.abc import Sequence
from random import Random

from rehearsal.ballast import Ballast
from rehearsal.discord.stage import Discord
from rehearsal.faults import Fault, Faults
from rehearsal.pace import Pace
from rehearsal.record import Record
from rehearsal.script import Script, default_script
from shared.clock import Clock, SystemClock


class Rehearsal:
    """
    What a rehearsal consists of, apart from the sockets.

    `speed` makes everything that many times faster; `seed` fixes the small unevenness of the tokens
    and the ids of tool calls.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        faults: Sequence[Fault] = (),
        speed: float = 1.0,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.script = script or default_script()
        self.faults = Faults(faults)
        self.pace = Pace(clock or SystemClock(), speed=speed)
        self.record = Record(self.pace)
        self.random = Random(seed)
        self.discord = Discord(clock=clock)
        self.ballast = Ballast(self.script.real_memory_mb_per_gb)
