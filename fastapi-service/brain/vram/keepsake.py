"""What the orchestrator learned, kept over a restart: crashes, sizes, load times."""

from typing import Any

import structlog

from brain.vram.orchestrator import Orchestrator
from shared.store import Key, Put, Store

log = structlog.get_logger(__name__)
KEY = Key("models", "learned")


class Keepsake:
    """One row of the store; what is lost with it is only guessed again."""

    def __init__(self, store: Store, vram: Orchestrator) -> None:
        self._store = store
        self._vram = vram
        self._kept: dict[str, Any] | None = None

    async def recall(self) -> None:
        """Take over what an earlier brain kept. Raises `StoreUnavailable`."""
        row = await self._store.get(KEY)
        if row is None:
            return
        try:
            self._vram.recall(row)
        except (KeyError, TypeError, ValueError, AttributeError) as unreadable:
            log.warning("vram.learned_unreadable", reason=repr(unreadable))

    async def keep(self) -> None:
        """Write what is new since the last time. Raises `StoreUnavailable`."""
        learned = self._vram.learned()
        if learned != self._kept:
            await self._store.write(Put(KEY, learned))
            self._kept = learned
