"""A browser, the small page of `app.py`, and a brain that says what a test tells it to."""

import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import anyio.from_thread
import orjson
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as HttpRoute
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SECONDS = 10.0
WEB = Path(__file__).parents[2] / "ui" / "live" / "web"
Frame = dict[str, Any]


def until(what: Callable[[], Any], *, seconds: float = SECONDS) -> Any:
    """Poll until `what` gives something true, and return it."""
    deadline = monotonic() + seconds
    while not (found := what()):
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.02)
    return found


class ScriptedBrain:
    """`/ws/chat` as the protocol describes it: numbered frames, kept until acknowledged."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.tokens: list[str] = []
        self.closed_by_client: list[int] = []
        self.past: dict[str, list[dict[str, str]]] = {}
        self.refused_tokens: set[str] = set()
        self.reachable = True
        self.kept: list[Frame] = []
        self.session = ""
        self.seq = 0
        self._socket: WebSocket | None = None
        self._lock = threading.Lock()
        self._portal: Any = None
        routes = [
            WebSocketRoute("/ws/chat", self._serve),
            HttpRoute("/past", self._past),
            HttpRoute("/api/conversations", self._conversations),
            HttpRoute("/health/live", lambda _: Response()),
        ]
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_headers=["*"])
        self._app = Starlette(routes=routes, middleware=[cors])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        config = uvicorn.Config(
            self._app, port=self.port, log_level="error", ws="websockets-sansio", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    # ---------------------------------------------------------------- what a test does

    def say(self, type_: str, **fields: Any) -> int:
        """Send a numbered frame, or keep it for the next connection; its number."""
        with self._lock:
            self.seq += 1
            frame = {"seq": self.seq, "type": type_, **fields}
            self.kept.append(frame)
            self._send(frame)
            return self.seq

    def lose(self, count: int = 1) -> None:
        """Drop frames that were never sent: their numbers are missing."""
        self.seq += count

    def repeat(self, *numbers: int) -> None:
        """Send kept frames again."""
        for frame in self.kept:
            if frame["seq"] in numbers:
                self._send(frame)

    def asked(self, number: int = 0) -> Frame:
        """The ask number `number`, once it is here."""
        found: list[Frame] = until(lambda: self.of_type("ask")[number:])
        return found[0]

    def of_type(self, type_: str) -> list[Frame]:
        """Frames of that type that were heard."""
        return [frame for frame in list(self.heard) if frame["type"] == type_]

    def first(self, type_: str) -> Frame:
        """The first frame of that type, once it is here."""
        found: list[Frame] = until(lambda: self.of_type(type_))
        return found[0]

    def answer(self, ask: Frame, *pieces: str, attempt: int = 1) -> None:
        """The usual way of an answer up to its last piece."""
        self.say("queued", ask_id=ask["ask_id"], request_id="r", position=1, maintenance=False)
        for piece in pieces:
            self.say("delta", ask_id=ask["ask_id"], attempt=attempt, text=piece)

    def done(self, ask: Frame, text: str, *, attempt: int = 1) -> None:
        """Store the turn, then say so."""
        self.past.setdefault(ask["conversation_id"], []).append(
            {"question": ask["text"], "answer": text}
        )
        self.say("done", ask_id=ask["ask_id"], request_id="r", attempt=attempt, text=text)

    def cut(self, code: int = 1012) -> None:
        """Close the connection."""
        if self._socket is not None:
            with_socket, self._socket = self._socket, None
            self._call(with_socket.close, code)

    def restart(self) -> None:
        """Forget sessions and frames, as a process that died does."""
        self.kept, self.session, self.seq = [], "", 0
        self.cut()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    # ---------------------------------------------------------------- the server

    def start(self) -> None:
        self._thread.start()
        until(lambda: self._server.started and self._portal)

    def stop(self) -> None:
        self.cut()
        self._server.should_exit = True
        self._thread.join(SECONDS)

    def _run(self) -> None:
        async def main() -> None:
            async with anyio.from_thread.BlockingPortal() as self._portal:
                await self._server.serve()
                await self._portal.stop(cancel_remaining=True)

        anyio.run(main)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._portal.call(function, *arguments)

    def _send(self, frame: Frame) -> None:
        if self._socket is not None:
            with suppress(WebSocketDisconnect):  # the page has just gone; it is kept for the next
                self._call(self._socket.send_text, orjson.dumps(frame).decode())

    async def _serve(self, ws: WebSocket) -> None:
        offered = ws.headers["sec-websocket-protocol"].split(", ")
        token = offered[1].removeprefix("bearer.")
        self.tokens.append(token)
        if not self.reachable or token in self.refused_tokens:
            status = 401 if self.reachable else 503
            await ws.send_denial_response(Response(status_code=status))
            return
        await ws.accept(subprotocol="trollama.v1")
        try:
            while True:
                frame = orjson.loads(await ws.receive_text())
                self.heard.append(frame)
                if frame["type"] == "hello":
                    await self._greet(ws, frame)
                elif frame["type"] == "ack":
                    self.kept = [one for one in self.kept if one["seq"] > frame["seq"]]
                elif frame["type"] == "ping":
                    await ws.send_text('{"type":"pong"}')
        except (WebSocketDisconnect, RuntimeError):
            if self._socket is ws:
                self._socket = None

    async def _greet(self, ws: WebSocket, hello: Frame) -> None:
        resumed = bool(self.session) and hello.get("session_id") == self.session
        if not resumed:
            self.session = secrets.token_hex(8)
            for number, frame in enumerate(self.kept, 1):
                frame["seq"] = number
            self.seq = len(self.kept)
        after = hello.get("after", 0) if resumed else 0
        welcome = {"type": "welcome", "session_id": self.session, "protocol": 1, "resumed": resumed}
        for frame in [welcome, *(one for one in self.kept if one["seq"] > after)]:
            await ws.send_text(orjson.dumps(frame).decode())
        self._socket = ws

    async def _past(self, request: Request) -> Response:
        return JSONResponse(self.past.get(request.query_params["conversation"], []))

    async def _conversations(self, request: Request) -> Response:
        if not self.reachable:
            return Response(status_code=503)
        token = request.headers["authorization"].removeprefix("Bearer ")
        return Response(status_code=401 if token in self.refused_tokens else 200)


@pytest.fixture
def brain() -> Iterator[ScriptedBrain]:
    found = ScriptedBrain()
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Streamlit server with the small page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("app.py")),
        "--server.port", f"{port}", "--server.address", "127.0.0.1", "--server.headless", "true",
        "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("streamlit") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/_stcore/health"), seconds=30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1):
            return True
    except (URLError, OSError):
        return False


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """
    Debian's Chromium.

    Not for the whole session: while Playwright's synchronous API is open, anyio's tests cannot run
    in the same process.
    """
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser nobody used before; an error in a script of its pages fails the test."""
    made = chromium.new_context(reduced_motion="reduce")
    made.set_default_timeout(SECONDS * 1000)
    broken: list[str] = []
    made.on("weberror", lambda found: broken.append(str(found.error)))
    yield made
    made.close()
    assert not broken


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Page]:
    """An empty page that can import the component's modules as `/live/NAME.js`."""
    page = chromium.new_page()
    page.route("http://modules.test/**", _serve_module)
    page.goto("http://modules.test/")
    yield page
    page.close()


@pytest.fixture(scope="session")
def serve_modules() -> Callable[[Route], None]:
    """What answers for `http://modules.test/`."""
    return _serve_module


def _serve_module(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    if name:
        route.fulfill(path=WEB / name, content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html><title>modules</title>", content_type="text/html")


@pytest.fixture
def page(context: BrowserContext, site: str, brain: ScriptedBrain) -> Page:
    """The small page, opened and connected."""
    return opened(context, site, brain)


def opened(context: BrowserContext, site: str, brain: ScriptedBrain, **query: str) -> Page:
    page = context.new_page()
    more = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{site}/?brain={brain.port}{more}")
    page.get_by_placeholder("Ask").wait_for()
    until(lambda: brain.connected)
    return page


@pytest.fixture
def ask(page: Page, brain: ScriptedBrain) -> Callable[[str], Frame]:
    """Type a question; the frame that came out of it."""

    def typed(text: str) -> Frame:
        before = len(brain.of_type("ask"))
        box = page.get_by_placeholder("Ask")
        box.fill(text)
        box.press("Enter")
        return brain.asked(before)

    return typed
