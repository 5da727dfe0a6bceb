"""The end of the server: whoever is connected hears of it before the connection closes."""

import socket

import anyio
import uvicorn

from brain.chat.outbox import Outboxes
from shared.protocol import Notice

STOPPING = Notice(
    code="service.stopping",
    message="Trollama is stopping. What you asked is kept and goes on when it runs again.",
)
FAREWELL_SECONDS = 0.2
"""For the sockets to write the notice; Uvicorn closes them without waiting for what is queued."""


class PoliteServer(uvicorn.Server):
    """Uvicorn's server, which says goodbye first."""

    def __init__(self, config: uvicorn.Config, outboxes: Outboxes) -> None:
        super().__init__(config)
        self._outboxes = outboxes

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell everybody, then stop as Uvicorn does."""
        if self._outboxes.connected:
            self._outboxes.put_to_all(STOPPING)
            await anyio.sleep(FAREWELL_SECONDS)
        await super().shutdown(sockets)
