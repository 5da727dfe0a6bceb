"""
The floor: the least that a WebSocket in front of a model server can do.

    python -m bench.relay --port 11601 --backend http://127.0.0.1:11600

FastAPI and aiohttp as in the brain, reading while it writes, one frame a token, and nothing else:
no sign-in, no queue, no store, no lease, no agent, no outbox.
"""

import argparse
from typing import Any

import aiohttp
import anyio
import orjson
import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect


def create_app(backend: str) -> FastAPI:
    """One route: `/ws`."""
    app = FastAPI()
    sessions: list[aiohttp.ClientSession] = []

    def session() -> aiohttp.ClientSession:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        return sessions[0]

    async def relay(socket: WebSocket, ask: dict[str, Any]) -> None:
        ask_id, seq, rest = ask["ask_id"], 0, b""
        body = {
            "model": ask["options"]["model"],
            "messages": [{"role": "user", "content": ask["text"]}],
            "stream": True,
        }
        async with session().post(f"{backend}/api/chat", json=body) as answer:
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                text = "".join(orjson.loads(line)["message"]["content"] for line in lines)
                seq += 1
                await _send(socket, seq=seq, type="delta", ask_id=ask_id, text=text)
        await _send(socket, seq=seq + 1, type="done", ask_id=ask_id)

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        async with anyio.create_task_group() as tasks:
            try:
                while True:
                    frame = orjson.loads(await socket.receive_text())
                    if frame["type"] == "ask":
                        tasks.start_soon(relay, socket, frame)
            except WebSocketDisconnect:
                tasks.cancel_scope.cancel()

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "healthy"}

    return app


async def _send(socket: WebSocket, **frame: Any) -> None:
    await socket.send_text(orjson.dumps(frame).decode())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--backend", required=True)
    options = parser.parse_args()
    uvicorn.run(
        create_app(options.backend),
        host="127.0.0.1",
        port=options.port,
        ws="websockets-sansio",
        log_level="error",
        access_log=False,
    )


if __name__ == "__main__":
    main()
