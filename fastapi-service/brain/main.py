"""The web application around a running brain."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from brain import VERSION
from brain.api import (
    admin,
    attaching,
    chat_socket,
    conversations,
    errors,
    feedback,
    files,
    health,
    jobs,
    metrics,
    users,
)
from brain.api.openai import routes as openai
from brain.api.vram import routes as vram
from brain.wiring import Brain
from shared.gate import Gate
from shared.protocol import MAX_FRAME_BYTES

ENVELOPE_BYTES = 64 * 1024
"""What stands around a file in a multipart body."""


def create_app(brain: Brain) -> FastAPI:
    """All routes of the brain."""
    app = FastAPI(title="Trollama brain", version=VERSION)
    app.state.brain = brain
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(brain.allowed_origins),
        allow_methods=["*"],
        allow_headers=["Authorization", "Content-Type"],
    )
    app.add_middleware(
        Gate, allowed_origins=brain.allowed_origins, max_body_bytes=_max_body_bytes(brain)
    )
    errors.install(app)
    app.include_router(health.router)
    app.include_router(jobs.router)
    app.include_router(attaching.router)  # before what takes any id for a path
    app.include_router(conversations.router)
    app.include_router(users.router)
    app.include_router(feedback.router)
    app.include_router(files.router)
    app.include_router(admin.router)
    app.include_router(vram.router)
    app.include_router(metrics.router)
    app.include_router(openai.router)
    app.include_router(chat_socket.router)
    return app


def _max_body_bytes(brain: Brain) -> int:
    """A frame's size, or the largest file in its envelope."""
    return max(MAX_FRAME_BYTES, brain.files.limits.max_bytes + ENVELOPE_BYTES)
