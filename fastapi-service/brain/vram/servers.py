"""Carries out what the core wants of the model servers, and reports how it went."""

from collections.abc import Callable, Sequence

import anyio
import structlog

from brain.vram.backends.base import Backend
from brain.vram.errors import BackendUnreachable, LoadFailed, ModelUnavailable
from brain.vram.events import (
    AbortLoad,
    Event,
    Failure,
    LoadDone,
    Probe,
    Snapshot,
    StartLoad,
    StartUnload,
    UnloadDone,
)
from brain.vram.residents import Inventory, Place
from shared.clock import Clock
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)
LOOK_SECONDS = 20.0
UNLOAD_SECONDS = 60.0
CLOSE_SECONDS = 2.0
OUT_OF_USE = "it was taken out of use"


class Servers:
    """One method per effect; each ends with exactly one event, whatever happens."""

    def __init__(
        self,
        backends: Sequence[Backend],
        *,
        post: Callable[[Event], None],
        clock: Clock,
        load_timeout_seconds: float,
    ) -> None:
        self._backends = {backend.name: backend for backend in backends}
        self._post = post
        self._clock = clock
        self._load_timeout_seconds = load_timeout_seconds
        self._loads: dict[Place, anyio.CancelScope] = {}
        self._asked: dict[str, Probe] = {}
        """The newest question to each server that has yet to answer one."""

    def add(self, backend: Backend) -> None:
        """One more server, or another in the place of one of that name."""
        self._backends[backend.name] = backend

    async def remove(self, name: str) -> None:
        """A server is not ours any more; what it loads is nobody's."""
        for place, scope in self._loads.items():
            if place.server == name:
                scope.cancel()
        backend = self._backends.pop(name, None)
        if backend is not None:
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await backend.aclose()

    async def aclose(self) -> None:
        """Close the connections to all servers, also while being cancelled."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            for backend in self._backends.values():
                await backend.aclose()

    async def load(self, order: StartLoad) -> None:
        """Load a model, for at most the load timeout; says nothing when it is aborted."""
        began = self._clock.monotonic()
        measured_gb: float | None = None
        failure: Failure | None = None
        backend = self._backends.get(order.place.server)
        with anyio.CancelScope() as scope:
            self._loads[order.place] = scope
            try:
                with anyio.fail_after(self._load_timeout_seconds):
                    measured_gb = await self._backend(order.place.server).load(order.spec)
            except Exception as problem:  # noqa: BLE001 - the end of a task: logged and reported
                failure = self._failure(problem, order.place.server, backend)
                log.warning("vram.load_failed", model=order.spec.name, reason=failure.reason)
        if scope.cancelled_caught:
            return
        seconds = self._clock.monotonic() - began
        if failure is None:
            log.info(
                "vram.loaded",
                message=f"Model {order.spec.name} loaded successfully",
                model=order.spec.name,
                server=order.place.server,
                seconds=round(seconds, 3),
            )
        self._post(
            LoadDone(order.place, order.epoch, self._clock.now(), seconds, measured_gb, failure)
        )

    async def abort(self, order: AbortLoad) -> None:
        """Give up the load under way there and unload what there is of it."""
        scope = self._loads.pop(order.place, None)
        if scope is not None:
            scope.cancel()
        await self.unload(StartUnload(order.place, order.epoch))

    async def unload(self, order: StartUnload) -> None:
        """Unload a model, or send it to sleep, and wait until that is so."""
        failure: Failure | None = None
        parked_gb: float | None = None
        backend = self._backends.get(order.place.server)
        try:
            with anyio.fail_after(UNLOAD_SECONDS):
                server = self._backend(order.place.server)
                if order.park:
                    await server.park(order.place.model)
                    parked_gb = (await server.look()).parked.get(order.place.model, 0.0)
                else:
                    await server.unload(order.place.model)
        except Exception as problem:  # noqa: BLE001 - the end of a task: logged and reported
            failure = self._failure(problem, order.place.server, backend)
            log.warning("vram.unload_failed", model=order.place.model, reason=failure.reason)
        self._post(UnloadDone(order.place, order.epoch, self._clock.now(), failure, parked_gb))

    async def look(self, order: Probe) -> None:
        """Ask a server what it has; what is asked of it meanwhile is one more question after it."""
        is_asked = order.server in self._asked
        self._asked[order.server] = order
        if is_asked:
            return
        try:
            await self._look(order)
            while (newest := self._asked[order.server]) is not order:
                order = newest
                await self._look(order)
        finally:
            del self._asked[order.server]

    async def _look(self, order: Probe) -> None:
        inventory: Inventory | None = None
        problem = ""
        backend = self._backends.get(order.server)
        try:
            with anyio.fail_after(LOOK_SECONDS):
                inventory = await self._backend(order.server).look()
        except Exception as failure:  # noqa: BLE001 - the end of a task: reported in the snapshot
            problem = self._failure(failure, order.server, backend).reason
        self._post(Snapshot(order.server, order.version, self._clock.now(), inventory, problem))

    def _backend(self, name: str) -> Backend:
        backend = self._backends.get(name)
        if backend is None:
            raise BackendUnreachable(name, OUT_OF_USE)
        return backend

    def _failure(self, problem: Exception, server: str, backend: Backend | None) -> Failure:
        """What a request to `backend` ended with; it may have been closed under the request."""
        if backend is not self._backends.get(server):
            return Failure("unreachable", OUT_OF_USE, server)
        return _failure(problem, server)


def _failure(problem: Exception, server: str) -> Failure:
    match problem:
        case ModelUnavailable():
            return Failure("missing", "the server does not have it", server)
        case BackendUnreachable():
            return Failure("unreachable", problem.reason, server)
        case LoadFailed():
            return Failure("failed", problem.reason, server)
        case TimeoutError():
            return Failure("failed", "it took too long", server)
        case BoundaryError():
            return Failure("failed", problem.message.rstrip("."), server)
        case _:
            log.error("vram.unexpected", server=server, exc_info=problem)
            return Failure("failed", "an unexpected error, see the log", server)
