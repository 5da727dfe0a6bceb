"""A wire between a browser and a server that can be cut and mended."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.from_thread import BlockingPortal, start_blocking_portal

LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


@dataclass
class Wire:
    """Listens on `port` and hands everything on to `target`, a port of this machine."""

    portal: BlockingPortal
    port: int = 0
    target: int = 0
    whole: bool = True
    ends: set[SocketStream] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Every connection breaks, and new ones too until `mend`."""
        self.whole = False
        self.portal.call(self._break)

    def mend(self) -> None:
        self.whole = True

    async def _break(self) -> None:
        for end in list(self.ends):
            await anyio.aclose_forcefully(end)

    async def serve(self, near: SocketStream) -> None:
        if not self.whole:
            await anyio.aclose_forcefully(near)
            return
        with suppress(*LOST):
            async with near, await anyio.connect_tcp("127.0.0.1", self.target) as far:
                self.ends |= {near, far}
                try:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(_carry, far, near)
                        await _carry(near, far)
                        tasks.cancel_scope.cancel()
                finally:
                    self.ends -= {near, far}


async def _carry(come: SocketStream, go: SocketStream) -> None:
    with suppress(*LOST):
        async for piece in come:
            await go.send(piece)
    await anyio.aclose_forcefully(go)


@contextmanager
def wired() -> Iterator[Wire]:
    """A wire, whole; its `target` is still to be named."""
    with start_blocking_portal() as portal:
        wire = Wire(portal)

        async def run(*, task_status: anyio.abc.TaskStatus[anyio.CancelScope]) -> None:
            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            wire.port = listener.extra(SocketAttribute.local_port)
            async with listener:
                with anyio.CancelScope() as scope:
                    task_status.started(scope)
                    await listener.serve(wire.serve)

        _, scope = portal.start_task(run)
        yield wire
        portal.call(scope.cancel)
