"""What a page in a browser does: preflights, calls with an Origin, a socket with its token."""

from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from brain.config import Settings
from chat_client import Client

PAGE = "http://127.0.0.1:8501"
FOREIGN = "https://evil.example"


def sockets(platform: Any, *protocols: str, origin: str | None = PAGE, path: str = "") -> Any:
    """As `new WebSocket(url, protocols)` does: no header of ours."""
    url = platform.url.replace("http", "ws", 1) + "/ws/chat" + path
    offered = [Subprotocol(one) for one in protocols]
    return connect(url, subprotocols=offered, origin=None if origin is None else Origin(origin))


async def refused(opening: Any) -> int:
    with pytest.raises(InvalidStatus) as answer:
        async with opening:
            pass
    status: int = answer.value.response.status_code
    return status


async def test_a_page_asks_over_a_socket_with_the_token_as_a_subprotocol(platform: Any) -> None:
    bearer = f"bearer.{platform.token('anna')}"
    socket: ClientConnection
    async with sockets(platform, "trollama.v1", bearer) as socket:
        assert socket.subprotocol == "trollama.v1"
        assert bearer not in str(socket.response and socket.response.headers)
        anna = Client(socket)
        await anna.hello("tab")
        done = await anna.end_of(await anna.ask("What is 2 + 3?", user_id="somebody else"))
    assert done["type"] == "done"
    async with platform.http(platform.token("anna")) as http:
        [listed] = (await http.get("/api/conversations")).json()["conversations"]
    assert listed["doors"] == ["web"]


async def test_the_token_counts_only_as_a_subprotocol_or_header(platform: Any) -> None:
    token = platform.token("anna")
    assert await refused(sockets(platform, "trollama.v1")) == 401
    assert await refused(sockets(platform, "trollama.v1", "bearer.nonsense")) == 401
    assert await refused(sockets(platform, "trollama.v1", path=f"?token={token}")) == 401
    old = platform.token("anna", exp=1)
    assert await refused(sockets(platform, "trollama.v1", f"bearer.{old}")) == 401
    service = f"bearer.{platform.brain.service_token}"
    assert await refused(sockets(platform, "trollama.v1", service)) == 401


async def test_a_foreign_page_is_refused_whatever_token_it_has(platform: Any) -> None:
    bearer = f"bearer.{platform.token('anna')}"
    for origin in (FOREIGN, "null", "http://127.0.0.1:8502", "https://127.0.0.1:8501"):
        assert await refused(sockets(platform, "trollama.v1", bearer, origin=origin)) == 403


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_page_may_call_with_its_token(platform: Any, method: str) -> None:
    preflight = {
        "Origin": PAGE,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with platform.http("") as http:
        answer = await http.options("/api/conversations/c", headers=preflight)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert method in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert {"authorization", "content-type"} <= set(allowed.replace(" ", "").split(","))
        assert "access-control-allow-credentials" not in answer.headers
        foreign = await http.options(
            "/api/conversations/c", headers=preflight | {"Origin": FOREIGN}
        )
        assert foreign.status_code == 403
    async with platform.http(platform.token("anna")) as http:
        answer = await http.get("/api/conversations", headers={"Origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE


def test_unless_set_the_pages_are_those_of_the_web_chat() -> None:
    secrets: dict[str, Any] = {"jwt_secret_key": "q7" * 20, "service_token": "w8" * 20}

    def pages(**given: Any) -> tuple[str, ...]:
        return Settings(_env_file=None, **secrets, **given).page_origins

    own = ("http://127.0.0.1:8501", "http://localhost:8501", "http://[::1]:8501")
    assert pages() == own
    assert pages(bind_address="0.0.0.0") == own
    assert pages(ui_port=9000)[:2] == ("http://127.0.0.1:9000", "http://localhost:9000")
    assert pages(bind_address="192.168.1.5") == (*own, "http://192.168.1.5:8501")
    assert pages(ui_port=80)[0] == "http://127.0.0.1"
    assert pages(ui_port=9000, allowed_origins="https://chat.example") == ("https://chat.example",)
