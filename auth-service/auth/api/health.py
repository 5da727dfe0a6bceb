"""Whether the service lives, and how its parts are."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from auth import VERSION
from auth.api.deps import TheAuth
from shared.errors import StoreUnavailable
from shared.health import Health, Level

router = APIRouter(tags=["health"])


@router.get("/")
async def root() -> dict[str, Any]:
    """Name, version, links."""
    return {
        "name": "Trollama accounts",
        "version": VERSION,
        "links": {"health": "/health", "docs": "/docs"},
    }


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process serves."""
    return {"status": "alive"}


@router.get("/health")
async def report(auth: TheAuth) -> JSONResponse:
    """One report; 503 while nobody can sign in, because the database does not answer."""
    try:
        await auth.repository.user("health")
    except StoreUnavailable:
        database: Level = "unhealthy"
    else:
        database = "healthy"
    health = Health("auth-service", VERSION, {"database": database})
    status = 503 if health.status == "unhealthy" else 200
    return JSONResponse(health.report(now=auth.clock.now()), status)
