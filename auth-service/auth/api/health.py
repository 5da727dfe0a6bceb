"""Whether the service lives, and how its parts are."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from auth import VERSION
from auth.api.deps import TheAuth
from shared.clock import iso
from shared.errors import StoreUnavailable

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
async def health(auth: TheAuth) -> JSONResponse:
    """One report; 503 while nobody can sign in, because the database does not answer."""
    try:
        await auth.repository.user("health")
    except StoreUnavailable:
        status = "unhealthy"
    else:
        status = "healthy"
    report = {
        "status": status,
        "timestamp": iso(auth.clock.now()),
        "service": "auth-service",
        "version": VERSION,
        "components": {"database": status},
    }
    return JSONResponse(report, 200 if status == "healthy" else 503)
