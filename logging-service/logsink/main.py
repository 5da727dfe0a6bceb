"""The parts of the log server, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
import structlog

from logsink import VERSION
from logsink.book import Book
from logsink.config import Settings
from logsink.files import FOLDER_MODE, Files
from logsink.health import answering
from logsink.intake import Intake
from logsink.retention import clean
from logsink.server import Door, hang_up, listening
from logsink.writer import Writer
from shared.background import keep_running
from shared.clock import Clock, iso
from shared.health import Health

log = structlog.get_logger(__name__)
TELL_EVERY_SECONDS = 1.0
FINISH_SECONDS = 3.0
HANG_UP_SECONDS = 0.5
HOUR = 3600.0


@dataclass(slots=True)
class Cleanup:
    """How the last look for old days ended."""

    last_at: str | None = None
    removed: list[str] = field(default_factory=list)


class Sink:
    """
    The log server of one folder. Made before logging is configured, so that its own records go
    through `say` into the same files. Raises `OSError` where the folder cannot be used.
    """

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        settings.log_dir.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        book = Book.recovered(settings.log_dir)
        files = Files(
            settings.log_dir,
            book,
            max_bytes=settings.log_max_bytes,
            backup_count=settings.log_backup_count,
            clock=clock,
        )
        self.intake = Intake(book.numbers)
        self.writer = Writer(self.intake, files, book, clock=clock)
        self.door = Door(self.intake, self.writer)
        self.cleanup = Cleanup()
        self._settings = settings
        self._clock = clock
        self._told = (0, 0)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[dict[str, int]]:
        """
        Serve while open; the ports by name. Raises `OSError` when one cannot be had.

        At the end everything received is written and acknowledged, for three seconds at most.
        """
        chosen, clock = self._settings, self._clock
        host = chosen.listens_on
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.writer.run)
                tasks.start_soon(self._keep_cleaning)
                tasks.start_soon(self._keep_telling)
                async with (
                    answering(host, chosen.logging_health_port, self.report) as health_port,
                    listening(self.door, host, chosen.logging_port, clock=clock) as port,
                ):
                    log.info("sink.started", port=port, folder=str(chosen.log_dir))
                    yield {"records": port, "health": health_port}
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._end()

    async def _end(self) -> None:
        if not await self.writer.finish(limit_seconds=FINISH_SECONDS):
            log.error("sink.unwritten", bytes=self.door.waiting_bytes)
        hang_up(self.door)
        with anyio.move_on_after(HANG_UP_SECONDS):
            await self.door.empty()

    def report(self) -> dict[str, Any]:
        """The body of `/health`."""
        trouble = self.writer.trouble
        health = Health(
            "logging-service",
            VERSION,
            {"files": "healthy" if trouble is None else "unhealthy"},
        )
        return health.report(now=self._clock.now()) | {
            "trouble": None if trouble is None else trouble.reason,
            "connections": len(self.door.connections),
            "records": self.intake.records,
            "repeated": self.intake.repeated,
            "malformed": self.intake.malformed,
            "too_long": self.door.too_long,
            "waiting_bytes": self.door.waiting_bytes,
            "cleanup": {
                "retention_days": self._settings.log_retention_days,
                "every_hours": self._settings.log_cleanup_interval_hours,
                "last_at": self.cleanup.last_at,
                "removed": self.cleanup.removed,
            },
        }

    async def _keep_cleaning(self) -> None:
        await keep_running(
            "log cleanup",
            self._clean,
            every_seconds=self._settings.log_cleanup_interval_hours * HOUR,
            clock=self._clock,
        )

    async def _clean(self) -> None:
        now, days = self._clock.now(), self._settings.log_retention_days
        removed = await anyio.to_thread.run_sync(
            lambda: clean(self._settings.log_dir, now=now, retention_days=days)
        )
        self.cleanup.last_at, self.cleanup.removed = iso(now), removed
        if removed:
            log.info("logs.cleaned", days=removed)

    async def _keep_telling(self) -> None:
        """What is wrong with the lines that come in, and our own records, once a second."""
        while True:
            await self._clock.sleep(TELL_EVERY_SECONDS)
            malformed, too_long = self._told
            self._told = self.intake.malformed, self.door.too_long
            if self._told != (malformed, too_long):
                log.warning(
                    "lines.refused",
                    message="Some lines were no records and are not in the files.",
                    malformed=self.intake.malformed - malformed,
                    too_long=self.door.too_long - too_long,
                )
            if self.intake.waiting:
                self.writer.wake()
