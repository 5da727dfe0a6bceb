"""Whether the brain lives, and how its parts are."""

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from brain import VERSION
from brain.api.deps import TheBrain
from brain.wiring import Brain
from shared.clock import iso
from shared.errors import BoundaryError
from shared.store import Key

router = APIRouter(tags=["health"])
Condition = Literal["healthy", "degraded", "unhealthy"]
FULL_PCT = 95.0
"""Above this the memory for models counts as full (protocol section 4)."""


@router.get("/")
async def root() -> dict[str, Any]:
    """Name, version, links."""
    return {
        "name": "Trollama brain",
        "version": VERSION,
        "links": {"health": "/health", "docs": "/docs", "chat": "/ws/chat"},
    }


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process serves."""
    return {"status": "alive"}


@router.get("/health")
async def health(brain: TheBrain) -> JSONResponse:
    """One report over all parts; 503 only when no question can be taken."""
    store_works = await _store_works(brain)
    memory = brain.vram.status()
    usage_pct = 100 * memory.used_gb / memory.hard_gb
    servers_up = bool(memory.servers) and all(server.up for server in memory.servers)
    ollama_up = all(server.up for server in memory.servers if server.kind == "ollama")
    fine = servers_up and usage_pct <= FULL_PCT
    takes_asks = store_works and brain.queue.is_open
    status: Condition = "unhealthy" if not takes_asks else "healthy" if fine else "degraded"
    report = {
        "status": status,
        "timestamp": iso(brain.clock.now()),
        "service": "fastapi-service",
        "version": VERSION,
        "components": {
            "database": _word(store_works),
            "queue": _word(brain.queue.is_open),
            "ollama": _word(ollama_up),
            **{server.name: _word(server.up) for server in memory.servers},
        },
        "services": {
            "dynamodb": store_works,
            "ollama": ollama_up,
            "model_loaded": bool(memory.loaded),
        },
        "vram": {
            "healthy": usage_pct <= FULL_PCT,
            "usage_pct": round(usage_pct, 1),
            "available_gb": round(memory.hard_gb - memory.used_gb, 1),
            "psi_full_avg10": None,
            "loaded_models": [model.name for model in memory.loaded],
        },
        "queue_size": len(brain.queue.waiting()),
        "websocket_connections": brain.outboxes.connected,
        "rehearsal": any(server.rehearsal for server in memory.servers),
    }
    return JSONResponse(report, 503 if status == "unhealthy" else 200)


async def _store_works(brain: Brain) -> bool:
    try:
        await brain.store.get(Key("jobs", "brain"))
    except BoundaryError:
        return False
    return True


def _word(fine: bool) -> Condition:
    return "healthy" if fine else "unhealthy"
