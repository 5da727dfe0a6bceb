import pytest

from ui.addresses import browser_base, chat_socket


@pytest.mark.parametrize(
    ("page", "socket"),
    [
        ("http://127.0.0.1:8501/", "ws://127.0.0.1:8001/ws/chat"),
        ("http://box.lan:8501/?c=1", "ws://box.lan:8001/ws/chat"),
        ("https://chat.example/", "wss://chat.example:8001/ws/chat"),
        ("http://[::1]:8501/", "ws://[::1]:8001/ws/chat"),
    ],
)
def test_the_brain_is_beside_the_page(page: str, socket: str) -> None:
    assert chat_socket(page, public_url=None, brain_port=8001) == socket


def test_a_public_address_wins() -> None:
    public = "https://brain.example/trollama/"
    socket = chat_socket("http://127.0.0.1:8501", public_url=public, brain_port=8001)
    assert socket == "wss://brain.example/trollama/ws/chat"
    assert browser_base("", public_url=public, port=1) == "https://brain.example/trollama"
