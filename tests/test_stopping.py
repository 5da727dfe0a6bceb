"""A brain that is asked to stop says so to whoever is connected."""

import signal
import socket
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed


async def test_who_is_connected_hears_that_the_brain_stops_and_gets_the_answer_later(
    box: Any,
) -> None:
    box.start_all(REHEARSAL_SPEED="2")
    async with box.bot() as client:
        await client.hello("bot")
        ask_id = await client.ask("count to 200", options={"model": "rnj-1:8b"})
        await client.until(lambda _: bool(client.of(ask_id, "delta")))
        box.processes["brain"].send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            await client.until(lambda _: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012, "service restart (IANA's close codes)"
    notices = [frame for frame in client.seen if frame["type"] == "notice"]
    assert [frame["code"] for frame in notices] == ["service.stopping"]
    assert box.processes["brain"].wait(10) == 0
    assert not [frame for frame in client.seen if frame["type"] in ("done", "failed")]
    box.start("brain")
    async with box.bot() as client:
        await client.hello("bot")
        assert (await client.end_of(ask_id))["type"] == "done"


@pytest.mark.parametrize("name", ["auth", "brain"])
def test_a_service_that_cannot_listen_ends_with_its_own_exit_code(box: Any, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", box.ports[name]))
        taken.listen()
        with pytest.raises(AssertionError, match="not live"):
            box.start(name)
    assert box.processes[name].wait(20) == 3
    assert b"Traceback" not in (box.folder / f"{name}.log").read_bytes()
