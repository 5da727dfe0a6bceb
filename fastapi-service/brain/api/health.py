"""Whether the brain lives, and how its parts are."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from brain import VERSION
from brain.api.deps import TheBrain
from brain.api.vram.condition import FULL_PCT, Condition, findings, hinders
from brain.api.vram.told import memory_told
from brain.vram.status import Status
from brain.wiring import Brain
from shared.clock import iso
from shared.errors import BoundaryError
from shared.store import Key

router = APIRouter(tags=["health"])


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
    warning = brain.settings.vram_psi_warning_threshold
    found = findings(memory, psi_warning=warning)
    ollama_up = all(server.up for server in memory.servers if server.kind == "ollama")
    takes_asks = store_works and brain.queue.is_open
    fine: Condition = "degraded" if hinders(found) else "healthy"
    status: Condition = fine if takes_asks else "unhealthy"
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
        "vram": _memory(memory),
        "reasons": [one.sentence for one in found],
        "queue_size": len(brain.queue.waiting()),
        "waiting_for_models": len(memory.waiting),
        "websocket_connections": brain.outboxes.connected,
        "rehearsal": any(server.rehearsal for server in memory.servers),
    }
    return JSONResponse(report, 503 if status == "unhealthy" else 200)


def _memory(status: Status) -> dict[str, Any]:
    told = memory_told(status.memory)
    used = told["usage_pct"]
    return {
        "healthy": used is not None and used <= FULL_PCT,
        "usage_pct": used,
        "available_gb": told["available_gb"],
        "psi_full_avg10": told["psi_full_avg10"],
        "loaded_models": [model.name for model in status.loaded],
    }


async def _store_works(brain: Brain) -> bool:
    try:
        await brain.store.get(Key("jobs", "brain"))
    except BoundaryError:
        return False
    return True


def _word(fine: bool) -> Condition:
    return "healthy" if fine else "unhealthy"
