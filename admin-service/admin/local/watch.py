"""Waiting until everything is live, with progress on the terminal."""

from pathlib import Path

import anyio

from admin.local import words
from admin.local.health import answers
from admin.local.logbook import log_file
from admin.local.processes import Process, is_alive
from admin.local.state import PlatformState, read_state
from shared.clock import Clock, SystemClock

LOOK_EVERY_SECONDS = 0.1
LIMIT_SECONDS = 150.0
"""For everything together; each service has a limit of its own in `restarts.Pace`."""

WITH_A_DATABASE = ("auth", "brain")
HEALTH_TRIES = 30

NOT_LIVE = 1
"""The exit status when something did not become live."""


async def until_live(
    root: Path, supervisor: Process, *, asked: int = 1, clock: Clock | None = None
) -> int:
    """
    0 when all services of that supervisor are live, `NOT_LIVE` when they will not be.

    `asked`: what the state's `asked` must have reached, so that an older state is not believed.
    """
    clock = clock or SystemClock()
    began = clock.monotonic()
    shown: dict[str, str] = {}
    while is_alive(supervisor):
        state = await anyio.to_thread.run_sync(read_state, root)
        if state is not None and state.supervisor.pid == supervisor.pid and state.asked >= asked:
            words.show_progress(state, shown)
            if state.all_live:
                return await _healthy(state, clock)
            if state.settled or clock.monotonic() - began > LIMIT_SECONDS:
                words.show_failures(state)
                return NOT_LIVE
        await clock.sleep(LOOK_EVERY_SECONDS)
    words.show_no_supervisor(log_file(root))
    return NOT_LIVE


async def _healthy(state: PlatformState, clock: Clock) -> int:
    """Live is not enough: a service without its database serves nobody."""
    for service in state.services:
        if service.name not in WITH_A_DATABASE or not service.urls:
            continue
        health = f"{service.urls[0]}/health"
        for _ in range(HEALTH_TRIES):
            if await answers(health):
                break
            await clock.sleep(LOOK_EVERY_SECONDS)
        else:
            words.show_unhealthy(service.name, health)
            return NOT_LIVE
    words.show_next_steps(state)
    return 0
