import os
import socket

from admin.local.ports import is_free, taken

HOST = "127.0.0.1"


def test_a_port_with_a_listener_is_taken_and_its_holder_named() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(HOST, port)
        sentence = taken(HOST, (port,))
    assert sentence is not None
    assert f"port {port} is taken by" in sentence
    assert f"(pid {os.getpid()})" in sentence


def test_a_port_is_free_again_after_its_listener() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    assert is_free(HOST, port)
    assert taken(HOST, (port,)) is None
