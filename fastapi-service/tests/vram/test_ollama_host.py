"""What is said when something else than an Ollama answers at OLLAMA_HOST."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from brain.vram.backends.ollama import OllamaBackend
from brain.vram.errors import BackendUnreachable

pytestmark = pytest.mark.anyio


async def test_a_web_server_of_another_kind_is_called_what_it_is() -> None:
    page = "<html>Welcome to nginx</html>"
    for status in (200, 400, 404, 405):
        assert "is not Ollama, set OLLAMA_HOST" in await _said(page, status=status), status


async def test_json_that_ollama_would_not_send_is_no_ollama() -> None:
    for body in ('{"detail": "Not Found"}', "[]", '"0.12.0"', "null", ""):
        assert "is not Ollama" in await _said(body), body


async def test_a_server_that_knows_only_the_version_is_no_ollama() -> None:
    said = await _said('{"version": "1.0"}', other_paths='{"models": "many"}')
    assert "is not Ollama" in said


async def test_a_proxy_whose_ollama_is_down_is_not_called_another_server() -> None:
    assert "it answers with status 502" in await _said("<html>Bad Gateway</html>", status=502)


async def test_the_sentence_begins_as_the_documents_promise() -> None:
    assert (await _said("hello")).startswith("Failed to connect to Ollama at http://127.0.0.1:")


async def _said(version: str, *, status: int = 200, other_paths: str = "{}") -> str:
    async def answer(request: web.Request) -> web.Response:
        body = version if request.path == "/api/version" else other_paths
        return web.Response(text=body, status=status, content_type="application/json")

    async with _serving(answer) as url:
        backend = OllamaBackend(url)
        try:
            with pytest.raises(BackendUnreachable) as refusal:
                await backend.look()
        finally:
            await backend.aclose()
    said: str = refusal.value.message
    return said


@asynccontextmanager
async def _serving(answer: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
