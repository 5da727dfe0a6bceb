"""
A model server without a model: Ollama's and OpenAI's protocol at almost no cost.

    python -m bench.backend --port 11600 --models bench:200x50,bench:20x200

What is measured in front of it is then the cost of what is measured. One raw asyncio protocol, each
token one chunk on an absolute schedule, about 5 µs a token. Sources of the shapes: docs/api.md in
Ollama's repository, the API reference of OpenAI's chat completions.
"""

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from bench.stamps import STAMP_BYTES, pace_of, stamp

WHEN = "2026-01-01T00:00:00Z"
SIZE_BYTES = 1_000_000_000
PROMPT_TOKENS = 9
STAMP_AT = b"@@"
LAST_CHUNK = b"0\r\n\r\n"


@dataclass
class Stock:
    """Which models there are and which are loaded."""

    models: list[str]
    loaded: set[str] = field(default_factory=set)
    streams: int = 0

    def tags(self) -> dict[str, Any]:
        return {"models": [self._row(name) for name in self.models]}

    def ps(self) -> dict[str, Any]:
        return {"models": [self._row(name) for name in sorted(self.loaded)]}

    def show(self) -> dict[str, Any]:
        return {
            "modelfile": "", "parameters": "", "template": "", "details": {"family": "bench"},
            "model_info": {"general.architecture": "bench", "bench.context_length": 8192},
            "capabilities": ["completion"],
        }  # fmt: skip

    def openai_models(self) -> dict[str, Any]:
        rows = [{"id": n, "object": "model", "created": 0, "owned_by": "b"} for n in self.models]
        return {"object": "list", "data": rows}

    def generate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Load or unload; nobody generates through this door here."""
        model, leaves = asked["model"], asked.get("keep_alive") in (0, "0")
        (self.loaded.discard if leaves else self.loaded.add)(model)
        reason = "unload" if leaves else "load"
        return {
            "model": model, "created_at": WHEN, "response": "", "done": True, "done_reason": reason,
        }  # fmt: skip

    def _row(self, name: str) -> dict[str, Any]:
        return {
            "name": name, "model": name, "modified_at": WHEN, "expires_at": "2036-01-01T00:00:00Z",
            "size": SIZE_BYTES, "size_vram": SIZE_BYTES, "digest": "0" * 64,
            "details": {
                "format": "gguf", "family": "bench", "families": ["bench"],
                "parameter_size": "1B", "quantization_level": "Q4_0",
            },
        }  # fmt: skip


class Connection(asyncio.Protocol):
    """One connection of a client: requests one after the other."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """As model servers do, stop generating when the client is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._ended()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            _, _, length = head.lower().partition("content-length:")
            size = int(length.split("\r\n", 1)[0]) if length else 0
            if len(self._buffer) < end + 4 + size:
                return
            body = self._buffer[end + 4 : end + 4 + size]
            self._buffer = self._buffer[end + 4 + size :]
            self._answer(head.split(" ", 2)[1].split("?", 1)[0], orjson.loads(body or b"{}"))

    def _answer(self, path: str, asked: dict[str, Any]) -> None:
        stock = self._stock
        replies: dict[str, Callable[[], Any]] = {
            "/api/version": lambda: {"version": "0.13.0"},
            "/api/tags": stock.tags,
            "/api/ps": stock.ps,
            "/api/show": stock.show,
            "/api/generate": partial(stock.generate, asked),
            "/v1/models": stock.openai_models,
            "/streams": lambda: {"streams": stock.streams},
        }
        if path == "/api/chat" or path.endswith("/chat/completions"):
            self._stream(path, asked)
            return
        reply = replies.get(path)
        body = orjson.dumps({"error": "no such path"} if reply is None else reply())
        status = b"404 Not Found" if reply is None else b"200 OK"
        self._transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )

    def _stream(self, path: str, asked: dict[str, Any]) -> None:
        tokens, per_second = pace_of(asked["model"])
        self._stock.loaded.add(asked["model"])
        self._stock.streams += 1
        wording = _ollama if path == "/api/chat" else _openai
        kind, piece, tail = wording(asked, tokens)
        before, after = piece.split(STAMP_AT)
        self._before = b"%x\r\n%s" % (len(before) + STAMP_BYTES + len(after), before)
        self._after = after + b"\r\n"
        self._tail = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in tail) + LAST_CHUNK
        self._left, self._step = tokens, 1 / per_second
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n" % kind
        )
        self._token()

    def _token(self) -> None:
        self._transport.write(self._before + stamp() + self._after)
        self._left -= 1
        if self._left:
            self._due += self._step
            self._timer = self._loop.call_at(self._due, self._token)
        else:
            self._transport.write(self._tail)
            self._ended()

    def _ended(self) -> None:
        self._timer = None
        self._stock.streams -= 1


def _ollama(asked: dict[str, Any], tokens: int) -> tuple[bytes, bytes, list[bytes]]:
    head = {"model": asked["model"], "created_at": WHEN}
    piece = {**head, "message": {"role": "assistant", "content": "@@"}, "done": False}
    last = {
        **head, "message": {"role": "assistant", "content": ""}, "done": True,
        "done_reason": "stop", "total_duration": 1, "load_duration": 1,
        "prompt_eval_count": PROMPT_TOKENS, "prompt_eval_duration": 1,
        "eval_count": tokens, "eval_duration": 1,
    }  # fmt: skip
    return b"application/x-ndjson", orjson.dumps(piece) + b"\n", [orjson.dumps(last) + b"\n"]


def _openai(asked: dict[str, Any], tokens: int) -> tuple[bytes, bytes, list[bytes]]:
    head = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0,
        "model": asked["model"],
    }  # fmt: skip

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return b"data: " + orjson.dumps({**head, "choices": choices, **more}) + b"\n\n"

    delta = {"role": "assistant", "content": "@@"}
    piece = event([{"index": 0, "delta": delta, "finish_reason": None}])
    tail = [event([{"index": 0, "delta": {}, "finish_reason": "stop"}])]
    if (asked.get("stream_options") or {}).get("include_usage"):
        usage = {
            "prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens,
            "total_tokens": PROMPT_TOKENS + tokens,
        }  # fmt: skip
        tail.append(event([], usage=usage))
    return b"text/event-stream", piece, [*tail, b"data: [DONE]\n\n"]


async def serve(port: int, models: list[str]) -> None:
    """Until the process is stopped."""
    stock = Stock(models)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(stock), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", required=True, help="names, separated by commas")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.models.split(",")))


if __name__ == "__main__":
    main()
