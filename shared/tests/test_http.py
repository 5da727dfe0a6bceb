"""Questions to another server: what it answers, and what it fails to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio
import anyio.abc
import orjson
import pytest

from shared import http
from shared.errors import Upstream
from shared.http import Peer, Refused


class BrainDown(Upstream):
    """An error of the caller's own domain."""

    code = "backend.unreachable"


@dataclass
class Server:
    """Answers every request with the bytes set for its path, and remembers what it read."""

    url: str = ""
    answers: dict[str, bytes] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            request = await stream.receive()
            while b"\r\n\r\n" not in request or (b"{" in request and b"}" not in request):
                request += await stream.receive()
            self.read.append(request.decode())
            answer = self.answers[request.split()[1].decode()]
            try:
                await stream.send(answer)
                if b"drip" in answer:
                    while True:
                        await anyio.sleep(0.02)
                        await stream.send(b" ")
                if b"hang" in answer:
                    await anyio.sleep_forever()
            except anyio.BrokenResourceError:
                return


def answer(status: int, body: object, *, raw: bytes | None = None) -> bytes:
    text = orjson.dumps(body) if raw is None else raw
    return f"HTTP/1.1 {status} x\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    serving = Server()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    serving.url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serving.serve)
        yield serving
        tasks.cancel_scope.cancel()


@pytest.fixture
async def peer(server: Server) -> AsyncIterator[Peer]:
    async with Peer(
        "The brain", server.url, token="s3cret", timeout_seconds=0.5, error=BrainDown
    ) as opened:
        yield opened


async def test_each_method_sends_what_it_was_given_and_returns_the_json(
    server: Server, peer: Peer
) -> None:
    server.answers = {"/a?n=1": answer(200, {"ok": [1]}), "/a": answer(201, 7)}
    assert await peer.get("/a", params={"n": 1}) == {"ok": [1]}
    assert await peer.post("/a", json={"x": "ü"}, headers={"X-Extra": "1"}) == 7
    assert await peer.patch("/a", json={"x": 2}) == 7
    assert await peer.delete("/a") == 7
    assert [text.split()[0] for text in server.read] == ["GET", "POST", "PATCH", "DELETE"]
    assert all("Authorization: Bearer s3cret" in text for text in server.read)
    assert '{"x":"ü"}' in server.read[1]
    assert "X-Extra: 1" in server.read[1]


async def test_an_answer_without_a_body_is_none(server: Server, peer: Peer) -> None:
    server.answers = {"/a": b"HTTP/1.1 204 x\r\n\r\n"}
    assert await peer.delete("/a") is None


async def test_an_error_in_our_form_keeps_status_code_and_sentence(
    server: Server, peer: Peer
) -> None:
    body = {"error": {"code": "vram.leased", "message": "In use.", "retryable": True}}
    server.answers = {"/a": answer(409, body)}
    with pytest.raises(Refused, match=r"^In use\.$") as refused:
        await peer.post("/a")
    assert refused.value.status == 409
    assert refused.value.body() == body


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (answer(500, {"detail": "x"}), "unexpected status 500"),
        (answer(302, None), "unexpected status 302"),
        (answer(404, {"error": "text"}), "unexpected status 404"),
        (answer(502, None, raw=b"<html>Bad gateway</html>"), "no JSON"),
        (answer(200, None, raw=b"{"), "no JSON"),
        (b"", "cannot be reached"),
        (b"nonsense\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nabc", "cannot be reached"),
        (b"HTTP/1.1 200 x\r\nX: hang\r\nContent-Length: 9\r\n\r\n", "took too long"),
        (b"HTTP/1.1 200 x\r\nX: drip\r\nContent-Length: 999999\r\n\r\n", "took too long"),
    ],
)
async def test_anything_else_is_the_callers_own_error_with_a_sentence(
    server: Server, peer: Peer, raw: bytes, says: str
) -> None:
    server.answers = {"/a": raw}
    with anyio.fail_after(3), pytest.raises(BrainDown, match=says) as failed:
        await peer.get("/a")
    assert failed.value.message.startswith("The brain ")
    assert "s3cret" not in str(failed.value.body())


async def test_an_answer_that_is_far_too_long_is_not_read_to_its_end(
    server: Server, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1000)
    server.answers = {"/a": answer(200, "x" * 997), "/b": answer(200, "x" * 1000)}
    assert await peer.get("/a") == "x" * 997
    with pytest.raises(BrainDown, match="too long"):
        await peer.get("/b")


async def test_a_server_that_is_not_there_is_named() -> None:
    async with Peer("The log service", "http://127.0.0.1:9") as peer:
        with pytest.raises(Upstream, match=r"^The log service cannot be reached"):
            await peer.get("/health")


async def test_all_peers_share_one_tls_context() -> None:
    assert http._tls() is http._tls()
