"""The model servers of MODEL_SERVERS_FILE: added, changed and removed while the brain runs."""

from collections.abc import Callable

import anyio
import structlog

from brain.vram.backends.base import Backend
from brain.vram.domains import ServerLimits
from brain.vram.orchestrator import Orchestrator
from brain.vram.servers_file import ANY_MODEL, ServerEntry, ServersFile
from shared.addresses import place_of

log = structlog.get_logger(__name__)


class Fleet:
    """Keeps the orchestrator's servers like those of a file; others are not touched."""

    def __init__(
        self,
        file: ServersFile,
        vram: Orchestrator,
        *,
        open_backend: Callable[[ServerEntry], Backend],
    ) -> None:
        self._file = file
        self._vram = vram
        self._open_backend = open_backend
        self._others = frozenset(server.name for server in vram.status().servers)
        self._entries: dict[str, ServerEntry] = {}
        self._backends: dict[str, Backend] = {}

    async def follow(self) -> None:
        """Follow the file without end; one that cannot be used changes nothing."""
        async for entries in self._file.watch():
            await self.take(entries)

    async def take(self, entries: tuple[ServerEntry, ...]) -> None:
        """
        Add, change and remove what differs from before; no answer is cut off by it.

        A server with other limits goes on. One that is gone, or has become another (address, kind,
        key, memory of fixed models), is only drained at first: this returns when it is gone.
        """
        wanted = {one.name: one for one in entries if one.enabled}
        for name in self._others & wanted.keys():
            log.warning("fleet.name_taken", server=name, reason="another setting names it already")
            del wanted[name]
        left = [name for name in self._entries if not self._stays(name, wanted.get(name))]
        for name, one in wanted.items():
            if name not in left and self._entries.get(name) != one:
                self._use(one)
        async with anyio.create_task_group() as tasks:
            for name in left:
                tasks.start_soon(self._leave, name, wanted.get(name))

    def _stays(self, name: str, wanted: ServerEntry | None) -> bool:
        """Whether it is still the same server, perhaps with other limits."""
        before = self._entries[name]
        if wanted is None or (before.url, before.kind) != (wanted.url, wanted.kind):
            return False
        fixed = not self._backends[name].loads and before.memory_gb != wanted.memory_gb
        return before.control_key == wanted.control_key and not fixed

    def _use(self, one: ServerEntry) -> None:
        if one.name not in self._backends:
            self._backends[one.name] = self._open_backend(one)
            log.info("fleet.added", server=one.name, kind=one.kind, url=place_of(one.url))
        else:
            log.info("fleet.limited", server=one.name)
        self._entries[one.name] = one
        self._vram.add_server(self._backends[one.name], _limits(one))

    async def _leave(self, name: str, successor: ServerEntry | None) -> None:
        log.info("fleet.drained", server=name)
        await self._vram.retire_server(name)
        del self._entries[name], self._backends[name]
        log.info("fleet.removed", server=name)
        if successor is not None:
            self._use(successor)


def _limits(one: ServerEntry) -> ServerLimits:
    anything = not one.preferred_models or ANY_MODEL in one.preferred_models
    return ServerLimits(
        preferred=None if anything else frozenset(one.preferred_models),
        memory_gb=one.memory_gb,
        slots=one.slots,
        parallel=one.parallel,
        disk_gb_per_second=one.disk_gb_per_second,
    )
