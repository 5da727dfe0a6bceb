"""Work that goes on for ever beside the requests, and never dies in silence."""

from collections.abc import Awaitable, Callable

import structlog

from shared.clock import Clock
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)


async def keep_running(
    name: str,
    step: Callable[[], Awaitable[None]],
    *,
    every_seconds: float,
    clock: Clock,
    backoff_max: float = 60.0,
) -> None:
    """
    Run `step`, then again `every_seconds` after it ended, until cancelled.

    A failing step is logged and retried later and later, up to `backoff_max` seconds; a success
    resets the pace. Cancellation is the only way out.
    """
    pause = every_seconds
    while True:
        try:
            await step()
        except Exception as failure:
            pause = min(max(pause, every_seconds) * 2, max(backoff_max, every_seconds))
            known = isinstance(failure, BoundaryError)  # then its sentence says it all
            log.warning(
                "background.failed",
                task=name,
                retry_in=pause,
                error=str(failure),
                exc_info=None if known else failure,
            )
        else:
            pause = every_seconds
        await clock.sleep(pause)
