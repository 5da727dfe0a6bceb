"""
Starts every service, keeps it running, and ends them all.

    for each service, one task:

      waiting ── those before it are live ──▶ starting ── health 200 ──▶ live
                                                ▲  │ ends                 │ ends
                                          pause │  ▼                      ▼
                                             resting ◀── restarts.after_end ──▶ failed
                                                                       (until asked again)

`Supervisor.run` is the only writer of the state. Signals: SIGUSR1 asks to start what is down,
SIGTERM, SIGINT and SIGHUP end everything.
"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import anyio

from admin.local import ports, restarts
from admin.local.life import Ended, Life
from admin.local.logbook import Logbook
from admin.local.processes import describe_process
from admin.local.programs import Program
from admin.local.restarts import Again, GiveUp, Pace
from admin.local.state import PlatformState, ServiceState, forget_state, write_state
from shared.clock import Clock

PORT_PATIENCE_SECONDS = 2.0
"""The port of a service that just ended may stay taken for a moment."""

PORT_PROBE_SECONDS = 0.1
OWN_NAME = "local"
ENDERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Owns the services of one installation, in the folder `root`, for as long as `run` runs."""

    def __init__(
        self,
        services: Sequence[Program],
        *,
        root: Path,
        rehearsal: bool,
        model_servers: tuple[str, ...],
        clock: Clock,
        logbook: Logbook,
        pace: Pace,
    ) -> None:
        self._services = services
        self._root = root
        self._clock = clock
        self._logbook = logbook
        self._pace = pace
        self._rehearsal = rehearsal
        self._model_servers = model_servers
        self._states = {
            one.name: ServiceState(name=one.name, ports=one.ports, urls=one.urls)
            for one in services
        }
        self._live = {one.name: anyio.Event() for one in services}
        self._times_asked = 1
        self._asked_again = anyio.Event()
        self._changed = anyio.Event()

    async def run(self) -> None:
        """Run everything until a signal comes; afterwards nothing that was started is left."""
        try:
            with anyio.open_signal_receiver(*ENDERS, signal.SIGUSR1) as signals:
                async with anyio.create_task_group() as until_last:
                    async with anyio.create_task_group() as group:
                        group.start_soon(self._publish)
                        for service in self._services:
                            tasks = until_last if service.ends_last else group
                            tasks.start_soon(self._look_after, service)
                        async for number in signals:
                            if number != signal.SIGUSR1:
                                break
                            self._ask_again()
                        group.cancel_scope.cancel()
                    until_last.cancel_scope.cancel()
        finally:
            forget_state(self._root)

    async def _look_after(self, service: Program) -> None:
        for name in service.after:
            await self._live[name].wait()
        deaths = 0
        while True:
            ended = await self._live_once(service)
            if isinstance(ended, Ended):
                deaths = restarts.deaths_in_a_row(
                    deaths, lived_seconds=ended.lived_seconds, pace=self._pace
                )
                verdict = restarts.after_end(ended.code, deaths=deaths, pace=self._pace)
            else:
                verdict = ended
            match verdict:
                case GiveUp(reason):
                    await self._say(f"{service.name} is given up: {reason}")
                    self._set(service, state="failed", process=None, reason=reason)
                    await self._asked_again.wait()
                    deaths = 0
                case Again(pause_seconds):
                    reason = restarts.describe(ended.code if isinstance(ended, Ended) else None)
                    await self._say(f"{service.name}: {reason}; again in {pause_seconds:g} s")
                    self._set(service, state="resting", process=None, reason=reason)
                    await self._rest(pause_seconds)

    async def _live_once(self, service: Program) -> Ended | GiveUp:
        self._logbook.new_life(service.name)
        self._set(service, state="starting", reason=None)
        if trouble := await self._port_trouble(service):
            return GiveUp(trouble)

        def live(pid: int) -> None:
            self._set(service, state="live", process=describe_process(pid))
            self._live[service.name].set()

        return await Life(
            service,
            root=self._root,
            logbook=self._logbook,
            clock=self._clock,
            pace=self._pace,
            born=lambda pid: self._set(service, state="starting", process=describe_process(pid)),
            live=live,
        ).run()

    async def _port_trouble(self, service: Program) -> str | None:
        deadline = self._clock.monotonic() + PORT_PATIENCE_SECONDS
        while True:
            trouble = await anyio.to_thread.run_sync(ports.trouble, service.host, service.ports)
            if trouble is None or self._clock.monotonic() >= deadline:
                return trouble
            await self._clock.sleep(PORT_PROBE_SECONDS)

    async def _rest(self, seconds: float) -> None:
        async with anyio.create_task_group() as group:

            async def wake_early() -> None:
                await self._asked_again.wait()
                group.cancel_scope.cancel()

            group.start_soon(wake_early)
            await self._clock.sleep(seconds)
            group.cancel_scope.cancel()

    # ------------------------------------------------------------------ what others see

    def _ask_again(self) -> None:
        self._times_asked += 1
        self._asked_again.set()
        self._asked_again = anyio.Event()
        for service in self._services:
            if self._states[service.name].state in ("failed", "resting"):
                self._set(service, state="starting", reason=None)
        self._changed.set()

    def _set(self, service: Program, **changes: object) -> None:
        if changes.get("state") in ("resting", "failed"):
            changes["tail"] = self._logbook.tail(service.name)
        elif changes.get("state") == "starting":
            changes["tail"] = ()
        before = self._states[service.name]
        self._states[service.name] = before.model_copy(update=changes)
        self._changed.set()

    async def _publish(self) -> None:
        own = describe_process(os.getpid())
        assert own is not None
        while True:
            self._changed = anyio.Event()
            state = PlatformState(
                supervisor=own,
                rehearsal=self._rehearsal,
                model_servers=self._model_servers,
                asked=self._times_asked,
                services=tuple(self._states.values()),
            )
            await anyio.to_thread.run_sync(write_state, self._root, state)
            await self._changed.wait()

    async def _say(self, line: str) -> None:
        await anyio.to_thread.run_sync(self._logbook.write, OWN_NAME, [line])
