import os
import socket

import pytest

from admin.local.ports import trouble

HOST = "127.0.0.1"


def test_a_port_with_a_listener_is_taken_and_its_holder_named() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        sentence = trouble(HOST, (port,))
    assert sentence is not None
    assert f"port {port} is taken by" in sentence
    assert f"(pid {os.getpid()})" in sentence


def test_a_port_is_free_again_after_its_listener() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    assert trouble(HOST, (port,)) is None


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1", "2001:db8::1", "999.1.1.1"])
def test_an_address_of_another_machine_is_not_called_a_taken_port(host: str) -> None:
    sentence = trouble(host, (8001,))
    assert sentence is not None
    assert sentence.startswith(f"{host} is no address of this machine (BIND_ADDRESS)")


def test_every_address_that_means_this_machine_can_be_used() -> None:
    assert [trouble(host, (0,)) for host in ("127.0.0.1", "localhost", "0.0.0.0")] == [None] * 3
