"""
Maintenance, switched while the brain runs and kept over restarts.

Soft: questions are taken, told so, and answered as room allows. Hard: new ones are refused, what
was taken before goes on. The settings give the state of a new installation only.
"""

from typing import Literal

import structlog

from brain.chat.outbox import Outboxes
from brain.jobs.job import Job
from shared.errors import Busy
from shared.protocol import Notice
from shared.store import Key, Put, Store

log = structlog.get_logger(__name__)
KEY = Key("jobs", "maintenance")
SOFT_TEXT = "🔧 Bot is under maintenance. Your request has been queued."
HARD_TEXT = "🚫 Bot is under emergency maintenance. Please try again later."
Mode = Literal["soft", "hard"]
BEGINS: dict[Mode, str] = {
    "soft": "🔧 Maintenance has begun. Requests are still taken and answered, perhaps later.",
    "hard": HARD_TEXT,
}
ENDS = "✅ Maintenance is over."


class EmergencyMaintenance(Busy):
    """No new requests for now."""

    code = "maintenance.hard"

    def __init__(self) -> None:
        super().__init__(HARD_TEXT)


class Maintenance:
    """The two switches. `soft` and `hard` hold until somebody has used one."""

    def __init__(self, store: Store, outboxes: Outboxes, *, soft: bool, hard: bool) -> None:
        self._store = store
        self._outboxes = outboxes
        self._on: dict[str, bool] = {"soft": soft, "hard": hard}
        self._known = False

    def is_on(self, mode: Mode) -> bool:
        """Whether this kind of maintenance goes on."""
        return self._on[mode]

    def is_soft(self) -> bool:
        """Whether who asks now should be told that it may take longer."""
        return self._on["soft"]

    async def admit(self, job: Job) -> bool:
        """Raises `EmergencyMaintenance`, and `StoreUnavailable` before the first read."""
        await self._read()
        if self._on["hard"]:
            raise EmergencyMaintenance
        return False

    def dismiss(self, job: Job) -> None:
        """Nothing was set aside."""

    async def switch(self, mode: Mode, *, enabled: bool) -> None:
        """Keep the new state and tell everybody who is connected. Raises `StoreUnavailable`."""
        await self._read()
        wanted = {**self._on, mode: enabled}
        await self._store.write(Put(KEY, wanted))
        changed = self._on[mode] != enabled
        self._on[mode] = enabled
        if changed:
            log.info("maintenance.switched", mode=mode, enabled=enabled)
            self._outboxes.put_to_all(self._notice(mode, enabled=enabled))

    async def _read(self) -> None:
        if self._known:
            return
        kept = await self._store.get(KEY)
        if kept is not None and not self._known:
            self._on = {"soft": bool(kept["soft"]), "hard": bool(kept["hard"])}
        self._known = True

    def _notice(self, mode: Mode, *, enabled: bool) -> Notice:
        if enabled:
            return Notice(code=f"maintenance.{mode}", message=BEGINS[mode])
        if self._on["hard"] or self._on["soft"]:
            still: Mode = "hard" if self._on["hard"] else "soft"
            return Notice(code=f"maintenance.{still}", message=BEGINS[still])
        return Notice(code="maintenance.ended", message=ENDS)
