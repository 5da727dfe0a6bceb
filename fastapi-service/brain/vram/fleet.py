"""The model servers of MODEL_SERVERS_FILE: added, changed and removed while the brain runs."""

from collections.abc import Callable

import structlog

from brain.vram.backends.base import Backend
from brain.vram.domains import ServerLimits
from brain.vram.orchestrator import Orchestrator
from brain.vram.servers_file import ANY_MODEL, ServerEntry, ServersFile

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

    async def follow(self) -> None:
        """Follow the file without end; one that cannot be used changes nothing."""
        async for entries in self._file.watch():
            await self.take(entries)

    async def take(self, entries: tuple[ServerEntry, ...]) -> None:
        """Add, change and remove what differs from before."""
        wanted = {one.name: one for one in entries if one.enabled}
        for name in self._others & wanted.keys():
            log.warning("fleet.name_taken", server=name, reason="another setting names it already")
            del wanted[name]
        for name in [name for name, one in self._entries.items() if wanted.get(name) != one]:
            del self._entries[name]
            await self._vram.remove_server(name)
            log.info("fleet.removed", server=name)
        for name, one in wanted.items():
            if name not in self._entries:
                self._entries[name] = one
                self._vram.add_server(self._open_backend(one), _limits(one))
                log.info("fleet.added", server=name, kind=one.kind, url=one.url)


def _limits(one: ServerEntry) -> ServerLimits:
    anything = not one.preferred_models or ANY_MODEL in one.preferred_models
    return ServerLimits(
        preferred=None if anything else frozenset(one.preferred_models),
        memory_gb=one.memory_gb,
        slots=one.slots,
        parallel=one.parallel,
        disk_gb_per_second=one.disk_gb_per_second,
    )
