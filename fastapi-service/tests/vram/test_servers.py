"""What is reported of requests to a server that is taken out of use meanwhile."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from brain.vram.events import Event, Probe, Snapshot, StartUnload, UnloadDone
from brain.vram.residents import Place
from brain.vram.servers import OUT_OF_USE, Servers
from shared.clock import ManualClock


class Closing:
    """A server whose requests break when its client is closed, as httpx does it."""

    name = "two"

    def __init__(self) -> None:
        self._closed = anyio.Event()

    async def look(self) -> Any:
        await self._closed.wait()
        raise RuntimeError("Cannot send a request, as the client has been closed.")

    async def unload(self, model: str) -> None:
        await self.look()

    async def aclose(self) -> None:
        self._closed.set()


LOOK = Probe("two", 1)
UNLOAD = StartUnload(Place("two", "m"), 1)
Ask = Callable[[Servers], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("ask", [lambda it: it.look(LOOK), lambda it: it.unload(UNLOAD)])
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_request_to_a_server_that_is_taken_away_ends_without_a_stack(
    ask: Ask, replaced: bool
) -> None:
    posted: list[Event] = []
    backend: Any = Closing()
    servers = Servers([backend], post=posted.append, clock=ManualClock(), load_timeout_seconds=9)
    with anyio.fail_after(5), capture_logs() as logged:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, servers)
            await anyio.wait_all_tasks_blocked()
            await servers.remove("two")
            if replaced:
                other: Any = Closing()
                servers.add(other)
    (event,) = posted
    match event:
        case Snapshot():
            assert event.problem == OUT_OF_USE
        case UnloadDone(failure=failure):
            assert failure is not None
            assert (failure.cause, failure.reason) == ("unreachable", OUT_OF_USE)
        case _:
            pytest.fail(f"{event} was not expected")
    assert not [line for line in logged if line["log_level"] == "error"]
