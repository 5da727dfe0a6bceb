"""A platform that says what a test tells it to, and the pages before it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jwt
import pytest
import streamlit as st
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from shared.clock import SystemClock
from ui.config import Settings
from ui.parts import Parts, opened
from ui.session import SIGN_IN
from ui.sign_in import sign_in_of

SCRIPT = Path(__file__).parents[1] / "ui" / "app.py"
SERVICE_TOKEN = "svc-" + "t7" * 20
PASSWORD = "correct horse"
PROFILE = {"user_id": "u1", "username": "anna", "display_name": "Anna", "role": "user"}


@dataclass
class Platform:
    """The brain and auth-service behind one address. `broken` maps paths to a status and an end."""

    url: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and body of every call that changes something."""

    addresses: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """By path: from where a call is said to come, and with which service token."""

    alive: set[str] = field(default_factory=set)
    registration: str = "open"
    providers: tuple[str, ...] = ("password",)
    conversations: dict[str, dict[str, Any]] = field(default_factory=dict)
    week: dict[str, Any] = field(default_factory=dict)
    methods: list[dict[str, str]] = field(default_factory=lambda: [{"provider": "password"}])
    keys: list[dict[str, Any]] = field(default_factory=list)
    profile: dict[str, str] = field(default_factory=lambda: dict(PROFILE))
    broken: dict[str, tuple[int, str]] = field(default_factory=dict)

    def sign_in(self) -> str:
        """A token that is good for a while."""
        now = SystemClock().now()
        claims = {"iat": now, "exp": now + 8 * 3600, "jti": uuid4().hex}
        token = jwt.encode(claims, "s" * 32, algorithm="HS256")
        self.alive.add(token)
        return token

    async def answer(self, request: Request) -> Response:
        method, path = request.method, request.url.path
        body = await request.json() if await request.body() else None
        if method != "GET":
            self.asked.append((method, path, body))
        told = request.headers
        self.addresses[path] = told.get("x-client-address"), told.get("x-service-token")
        if path in self.broken:
            status, sentence = self.broken[path]
            return _refusal(status, sentence, retryable=status >= 500)
        if path in (
            "/login",
            "/register",
            "/registration",
            "/oauth/discord/sign-in",
            "/health",
            "/health/live",
        ):
            return self._for_everybody(path, body)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.alive:
            return _refusal(401, "This sign-in has been ended; please log in again.")
        return self._for_people(method, path, request)

    def _for_everybody(self, path: str, body: Any) -> Response:
        if path == "/registration":
            return JSONResponse(
                {"registration": self.registration, "providers": list(self.providers)}
            )
        if path == "/register":
            return JSONResponse({"user_id": "u1"}, 201)
        if path == "/oauth/discord/sign-in":
            return JSONResponse(self._session())
        if path == "/login":
            if body["password"] != PASSWORD:
                return _refusal(401, "Wrong username or password.")
            return JSONResponse(self._session())
        return JSONResponse({"status": "healthy"})

    def _for_people(self, method: str, path: str, request: Request) -> Response:
        known: dict[str, Any] = {
            "/me": self.profile | {"auth_methods": self.methods},
            "/v1/models": {
                "data": [
                    {"id": "auto", "kind": "chat"},
                    {"id": "big:20b", "kind": "chat"},
                    {"id": "small:1b", "kind": "chat"},
                    {"id": "reads-pictures:3b", "kind": "ocr"},
                ]
            },
            "/keys": self.keys if method == "GET" else {"id": "k", "name": "n", "key": "tr-secret"},
            "/link/code": {"code": "ABCD-1234", "expires_in": 600},
            "/link/identity": {"provider_user_id": "1042", "display_name": "anna_d"},
            "/password": self._session(),
        }
        if path in known:
            return JSONResponse(known[path])
        if path == f"/api/user/{self.profile['user_id']}":
            return JSONResponse({"deleted": {"conversations": 2}} if method == "DELETE" else
                                {"preferences": PREFERENCES} | self.week)  # fmt: skip
        if path == "/api/conversations":
            search = request.query_params.get("q", "")
            found = [one for one in self.conversations.values() if search in one["title"]]
            return JSONResponse({"conversations": found, "next": None})
        if path.startswith("/api/conversations/"):
            identity = path.removeprefix("/api/conversations/")
            if method == "GET" and identity not in self.conversations:
                return _refusal(404, "There is no such conversation.")
            if method == "DELETE":
                self.conversations.pop(identity)
            return JSONResponse(self.conversations.get(identity))
        return JSONResponse({})

    def _session(self) -> dict[str, Any]:
        return {"access_token": self.sign_in(), "expires_in": 8 * 3600, "user": self.profile}


PREFERENCES = dict.fromkeys(("model", "route", "think", "temperature", "web_search", "language"))


def _refusal(status: int, message: str, *, retryable: bool = False) -> Response:
    error = {"code": "scripted", "message": message, "retryable": retryable}
    return JSONResponse({"error": error}, status)


@pytest.fixture(scope="session")
def _serving() -> Iterator[tuple[str, list[Platform]]]:
    """One server for all tests, which each put a platform of their own behind it."""
    behind: list[Platform] = []

    async def answer(request: Request) -> Response:
        return await behind[-1].answer(request)

    every = Route("/{path:path}", answer, methods=["GET", "POST", "PATCH", "DELETE"])
    app = Starlette(routes=[every])
    config = uvicorn.Config(
        app, port=0, log_config=None, access_log=False, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", behind
    server.should_exit = True
    thread.join(5)


@pytest.fixture
def platform(_serving: tuple[str, list[Platform]]) -> Platform:
    url, behind = _serving
    fresh = Platform(url)
    behind.append(fresh)
    return fresh


@pytest.fixture(scope="session")
def web_parts(_serving: tuple[str, list[Platform]]) -> Iterator[Parts]:
    """Two connections for all tests; every platform has tokens of its own."""
    url, _ = _serving
    settings = Settings(_env_file=None, service_token=SERVICE_TOKEN, brain_url=url, auth_url=url)
    with opened(settings) as made:
        yield made


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Those of the browser. Streamlit's tests have none, nor anything else of a browser."""
    kept: dict[str, str] = {}
    seen = SimpleNamespace(
        cookies=kept, url="http://127.0.0.1:8501/", timezone="Europe/Berlin", ip_address=None
    )
    monkeypatch.setattr(st, "context", seen)
    return kept


@pytest.fixture
def app(web_parts: Parts, platform: Platform, cookies: dict[str, str]) -> AppTest:
    """A browser that nobody has signed in with."""
    return AppTest.from_file(SCRIPT, default_timeout=20)


@pytest.fixture
def annas_app(app: AppTest, platform: Platform) -> AppTest:
    """Anna's browser."""
    app.session_state[SIGN_IN] = sign_in_of(platform.sign_in(), PROFILE)
    return app


@pytest.fixture
def annas_page(
    web_parts: Parts, platform: Platform, cookies: dict[str, str]
) -> Callable[[Callable[[], None]], AppTest]:
    """One page of Anna's, without what stands around it."""

    def page(script: Callable[[], None]) -> AppTest:
        app = AppTest.from_function(script, default_timeout=20)
        app.session_state[SIGN_IN] = sign_in_of(platform.sign_in(), PROFILE)
        return app

    return page
