"""The models in memory over HTTP: looking is open, deciding is for operators."""

from typing import Annotated, Any

import anyio
import anyio.to_thread
import structlog
from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from brain.api.deps import TheBrain, TheOperator
from brain.api.vram import page_cache
from brain.api.vram.condition import condition, findings
from brain.api.vram.told import (
    breaker_settings_told,
    breakers_told,
    memory_told,
    plan_told,
    psi_told,
    reconciled_told,
    status_told,
    timeline_told,
)
from brain.vram.errors import ModelUnavailable
from brain.wiring import Brain
from shared.errors import Busy, NotFound

router = APIRouter(prefix="/vram", tags=["models in memory"])
log = structlog.get_logger(__name__)
LOAD_SECONDS = 900.0
"""How long an operator's load may wait for others to finish and the server to load."""

ModelName = Annotated[str, Path(min_length=1, max_length=256)]
"""Everything behind the fixed part of the path, so that a name may hold `:` and `/`."""

Minutes = Annotated[int, Query(ge=1, le=360)]


class StillLoading(Busy):
    """It may still come; nobody waits for it any more."""

    code = "vram.still_loading"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} was not in memory within {LOAD_SECONDS:.0f} s; see GET /vram/status."
        )


class NoSuchServer(NotFound):
    """No model server is called so."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No model server is called {name}; GET /vram/status names them.")


@router.get("/status")
async def status(brain: TheBrain) -> dict[str, Any]:
    """Everything: memory, models, who waits, servers, breaker, decisions."""
    return status_told(
        brain.vram.status(),
        profile=brain.profile.name,
        settings=brain.settings,
        now=brain.clock.now(),
    )


@router.get("/health")
async def health(brain: TheBrain) -> dict[str, Any]:
    """For load balancers and people: how the memory of models is, and why; always 200."""
    warning = brain.settings.vram_psi_warning_threshold
    found = findings(brain.vram.status(), psi_warning=warning)
    return {"status": condition(found), "reasons": [one.sentence for one in found]}


@router.get("/psi")
async def psi(brain: TheBrain) -> dict[str, Any]:
    """The kernel's own measure of processes waiting for memory."""
    return psi_told(brain.vram.status().memory)


@router.get("/timeline")
async def timeline(brain: TheBrain, minutes: Minutes = 60) -> dict[str, Any]:
    """The memory of the last minutes, six hours at most: use, pressure, what came and went, why."""
    samples, events = brain.timeline.since(brain.clock.now() - 60.0 * minutes)
    return timeline_told(samples, events, settings=brain.settings)


@router.get("/plan/{model:path}")
async def plan(model: ModelName, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """What loading a model would evict, and why; nothing is done."""
    return plan_told(await brain.vram.plan(model))


@router.post("/load/{model:path}")
async def load(model: ModelName, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Bring a model into memory; answers when it is there."""
    _must_be_known(brain, model)
    log.info("vram.asked_to_load", model=model)
    with anyio.move_on_after(LOAD_SECONDS) as waited:
        await brain.vram.load(model)
    if waited.cancelled_caught:
        raise StillLoading(model)
    told = await status(brain)
    there = [one for one in told["loaded_models"] if one["name"] == model]
    return {"model": model, "state": "ready", **(there[0] if there else {})}


@router.post("/unload/{model:path}")
async def unload(model: ModelName, operator: TheOperator, brain: TheBrain) -> JSONResponse:
    """Take a model out of memory; 202 while answers still use it: it leaves after the last."""
    _must_be_known(brain, model)
    state = await brain.vram.unload(model)
    log.info("vram.asked_to_unload", model=model, state=state)
    return JSONResponse({"model": model, "state": state}, 202 if state == "draining" else 200)


@router.post("/optimize")
async def optimize(operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Unload what is idle and not worth its memory."""
    freed = await brain.vram.optimize()
    return {
        "freed_gb": round(sum(size_gb for _, size_gb in freed), 2),
        "unloaded": [{"model": model, "size_gb": round(gb, 2)} for model, gb in freed],
    }


@router.post("/admin/reconcile")
async def reconcile(operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Compare the books with what the servers say, now."""
    return reconciled_told(await brain.vram.reconcile())


@router.get("/admin/crashes")
async def crashes(operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Models that crashed of late, and whether they are held back."""
    return {
        **breaker_settings_told(brain.settings),
        "models": breakers_told(brain.vram.status().breaker),
    }


@router.delete("/admin/crashes/{model:path}")
async def clear_crashes(model: ModelName, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Forget a model's crashes; it may be loaded again at once."""
    before = {one.model: one.crashes for one in brain.vram.status().breaker}
    if model not in before:
        _must_be_known(brain, model)
    brain.vram.clear_crashes(model)
    log.info("vram.crashes_cleared", model=model, crashes=before.get(model, 0))
    return {"model": model, "cleared": before.get(model, 0)}


@router.post("/admin/crashes/{model:path}")
async def force_open(model: ModelName, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Let nobody load a model until its crashes are cleared, whether it crashed or not."""
    _must_be_known(brain, model)
    brain.vram.force_open(model)
    log.info("vram.breaker_forced", model=model)
    return {"model": model, "state": "open"}


@router.post("/servers/{name}/drain")
async def drain(name: str, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Begin nothing on a server any more and let its idle models leave, for maintenance."""
    return _drain(brain, name, draining=True)


@router.delete("/servers/{name}/drain")
async def undrain(name: str, operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Use the server again."""
    return _drain(brain, name, draining=False)


@router.post("/flush-cache")
async def flush_cache(operator: TheOperator, brain: TheBrain) -> dict[str, Any]:
    """Drop the kernel's cache of files; 501 with the reason where that is not permitted."""
    before = memory_told(brain.vram.status().memory)
    await anyio.to_thread.run_sync(page_cache.flush, page_cache.DROP_CACHES)
    log.info("vram.cache_flushed")
    return {"flushed": True, "available_gb_before": before["available_gb"]}


def _drain(brain: Brain, name: str, *, draining: bool) -> dict[str, Any]:
    """Raises `NoSuchServer`."""
    if name not in {one.name for one in brain.vram.status().servers}:
        raise NoSuchServer(name)
    brain.vram.drain_server(name, draining=draining)
    log.info("vram.server_drains", server=name, draining=draining)
    return {"server": name, "draining": draining}


def _must_be_known(brain: Brain, model: str) -> None:
    """Raises `ModelUnavailable`, or `BackendUnreachable` while that is not certain."""
    loaded = {one.name for one in brain.vram.status().loaded}
    if model in loaded or model in brain.vram.available():
        return
    brain.vram.spec(model)
    if brain.vram.lacks(model):
        raise ModelUnavailable(model)
