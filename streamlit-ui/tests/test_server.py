from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit import config

from ui.config import Settings
from ui.server import SamePage, options

HERE = "http://box.lan:8501"


@pytest.fixture
def app() -> Starlette:
    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("the page")

    allowed = ("https://chat.example",)
    return Starlette(
        routes=[Route("/", page, methods=["GET", "POST"])],
        middleware=[Middleware(SamePage, allowed_origins=allowed)],
    )


async def call(app: Starlette, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
        return await client.post("/", headers=headers)


@pytest.mark.parametrize("origin", [None, HERE, "https://chat.example"])
async def test_our_own_page_is_welcome(app: Starlette, origin: str | None) -> None:
    answer = await call(app, **({} if origin is None else {"Origin": origin}))
    assert answer.text == "the page"
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://box.lan:9999", "null"])
async def test_a_page_of_another_site_is_refused(app: Starlette, origin: str) -> None:
    answer = await call(app, Origin=origin)
    assert answer.status_code == 403
    assert "ALLOWED_ORIGINS" in answer.json()["error"]["message"]


async def test_a_socket_of_another_site_is_closed(app: Starlette) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"box.lan:8501"), (b"origin", b"https://evil.example")]
    scope = {"type": "websocket", "path": "/", "headers": headers}
    await app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_nothing_leaves_for_the_makers_of_streamlit() -> None:
    settings = Settings(_env_file=None, service_token="svc-" + "t7" * 20)
    chosen = options(settings)
    assert chosen["browser.gatherUsageStats"] is False
    assert chosen["server.fileWatcherType"] == "none"
    assert chosen["client.toolbarMode"] == "minimal"


def test_every_option_is_one_that_streamlit_knows() -> None:
    settings = Settings(_env_file=None, service_token="svc-" + "t7" * 20)
    assert set(options(settings)) <= set(config.get_config_options())
