"""Two `./start.sh` at once: the second waits for the first, and then finds everything running."""

import fcntl
from pathlib import Path
from typing import Self

from admin.local import words
from shared.clock import Clock

LOOK_EVERY_SECONDS = 0.2


class StartLock:
    """
    Held while something is being started in `root`. Leaving the `async with` releases it too.

    The kernel releases it with the process (flock(2)), so that a killed start blocks nobody.
    """

    def __init__(self, root: Path, *, clock: Clock) -> None:
        path = root / "data" / "run" / "start.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w")
        self._clock = clock

    async def __aenter__(self) -> Self:
        said = False
        while not self._taken():
            if not said:
                words.say("Another ./start.sh is at work; waiting for it …")
                said = True
            await self._clock.sleep(LOOK_EVERY_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the next one start; fine when called twice."""
        self._file.close()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
