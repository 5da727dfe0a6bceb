"""The model servers of MODEL_SERVERS_FILE: added, changed and removed while the brain runs."""

from collections.abc import Callable

import anyio
import structlog

from brain.vram.backends.base import Backend
from brain.vram.domains import ServerLimits
from brain.vram.orchestrator import Orchestrator
from brain.vram.servers_file import ANY_MODEL, ServerEntry, ServersFile
from shared.addresses import identity, place_of

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
        self._others = {server.name: server.url for server in vram.status().servers}
        self._refused: tuple[str, ...] = ()
        self._entries: dict[str, ServerEntry] = {}
        self._backends: dict[str, Backend] = {}

    def problems(self) -> tuple[str, ...]:
        """What of the file's newest content is not in use, and why; a sentence each."""
        broken = self._file.problem
        stale = (f"{broken} The servers it listed before stay in use.",) if broken else ()
        return stale + self._refused

    async def follow(self) -> None:
        """Follow the file without end; one that cannot be used changes nothing."""
        async for entries in self._file.watch():
            await self.take(entries)

    async def take(self, entries: tuple[ServerEntry, ...]) -> None:
        """
        Add, change and remove what differs from before; no answer is cut off by it.

        A server with other limits goes on. One that is gone, or has become another (address, kind,
        key, memory of fixed models), is only drained at first: this returns when it is gone. So is
        one that is called otherwise now, because what it holds must not be counted twice.
        """
        wanted = self._usable(entries)
        leaving: dict[str, list[ServerEntry]] = {
            name: [] for name in self._entries if not self._stays(name, wanted.get(name))
        }
        left_at = {identity(self._entries[name].url): name for name in leaving}
        for name, one in wanted.items():
            before = name if name in leaving else left_at.get(identity(one.url))
            if before is not None:
                leaving[before].append(one)
            elif self._entries.get(name) != one:
                self._use(one)
        async with anyio.create_task_group() as tasks:
            for name, successors in leaving.items():
                tasks.start_soon(self._leave, name, successors)

    def _usable(self, entries: tuple[ServerEntry, ...]) -> dict[str, ServerEntry]:
        """Those that are enabled, by name, without the ones that are a server already."""
        at = {identity(url): name for name, url in self._others.items()}
        wanted: dict[str, ServerEntry] = {}
        refused: list[str] = []
        for one in entries:
            if not one.enabled:
                continue
            if one.name in self._others:
                why = "another setting names a server so"
            elif (first := at.setdefault(identity(one.url), one.name)) != one.name:
                why = f"{place_of(one.url)} is already the server {first}"
            else:
                wanted[one.name] = one
                continue
            log.warning("fleet.refused", server=one.name, reason=why)
            refused.append(f"{one.name} of MODEL_SERVERS_FILE is not used: {why}.")
        self._refused = tuple(refused)
        return wanted

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

    async def _leave(self, name: str, successors: list[ServerEntry]) -> None:
        log.info("fleet.drained", server=name)
        await self._vram.retire_server(name)
        del self._entries[name], self._backends[name]
        log.info("fleet.removed", server=name)
        for one in successors:
            self._use(one)


def _limits(one: ServerEntry) -> ServerLimits:
    anything = not one.preferred_models or ANY_MODEL in one.preferred_models
    return ServerLimits(
        preferred=None if anything else frozenset(one.preferred_models),
        memory_gb=one.memory_gb,
        slots=one.slots,
        parallel=one.parallel,
        disk_gb_per_second=one.disk_gb_per_second,
    )
