"""The orchestrator's state as JSON (protocol section 4); what is unknown is null."""

from collections.abc import Sequence
from typing import Any

from brain.config import Settings
from brain.vram.breaker import BreakerStatus
from brain.vram.decisions import Decision, Plan, Reconciled
from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.status import LoadedModel, Status
from brain.vram.timeline import SAMPLE_SECONDS, Event, Moment
from shared.addresses import place_of
from shared.clock import iso


def status_told(status: Status, *, profile: str, settings: Settings, now: float) -> dict[str, Any]:
    """All of `GET /vram/status`; `now` in seconds since 1970."""
    return {
        "profile": profile,
        "orchestrator_enabled": status.enabled,
        "policy": settings.vram_policy,
        "memory": {
            **memory_told(status.memory),
            "model_usage_gb": _gb(status.used_gb),
            "external_gb": _gb(status.external_gb),
            "reserve_gb": _gb(status.reserve_gb),
        },
        "pressure": {
            "level": status.level.name.lower(),
            "since": _moment(status.level_since) if status.level else None,
            "reason": status.level_reason,
        },
        "limits": {"soft_gb": status.soft_gb, "hard_gb": status.hard_gb},
        "memories": [
            {
                "name": one.name,
                "used_gb": _gb(one.used_gb),
                "soft_gb": one.soft_gb,
                "hard_gb": one.hard_gb,
            }
            for one in status.memories
        ],
        "loaded_models": [_loaded(one, now=now) for one in status.loaded],
        "loading": [
            {
                "name": one.name,
                "server": one.server,
                "since": _moment(one.since),
                "eta_seconds": round(one.eta_seconds, 1),
            }
            for one in status.loading
        ],
        "waiting": [
            {
                "model": one.model,
                "since": _moment(one.since),
                "overtaken": one.overtaken,
                "detail": one.detail,
            }
            for one in status.waiting
        ],
        "circuit_breaker": {
            **breaker_settings_told(settings),
            "models": breakers_told(status.breaker),
        },
        "servers": [
            {
                "name": one.name,
                "kind": one.kind,
                "url": place_of(one.url),
                "up": one.up,
                "draining": one.draining,
                "domain": one.domain,
                "problem": one.problem,
                "rehearsal": one.rehearsal,
                "models": list(one.models),
            }
            for one in status.servers
        ],
        "problems": list(status.problems),
        "decisions": [_decision(one) for one in status.decisions],
    }


def memory_told(sample: MemorySample | None) -> dict[str, Any]:
    """The memory models live in, GB of 10^9 bytes: the GPU's own where it has some."""
    total_gb, available_gb = room(sample)
    psi = None if sample is None else sample.psi
    return {
        "total_gb": _gb(total_gb),
        "used_gb": _gb(_used(total_gb, available_gb)),
        "available_gb": _gb(available_gb),
        "usage_pct": usage_pct(sample),
        "psi_some_avg10": None if psi is None else psi.some_avg10,
        "psi_full_avg10": None if psi is None else psi.full_avg10,
        "kind": "unknown" if sample is None else sample.kind,
        "read_at": None if sample is None else _moment(sample.at),
        "problem": "it was not read yet" if sample is None else sample.problem,
    }


def room(sample: MemorySample | None) -> tuple[float | None, float | None]:
    """Total and available GB of the memory models live in."""
    if sample is None:
        return None, None
    if sample.kind == "discrete":
        return sample.gpu_total_gb, sample.gpu_free_gb
    return sample.total_gb, sample.available_gb


def usage_pct(sample: MemorySample | None) -> float | None:
    """How much of the memory models live in is used, by anybody, in per cent."""
    total_gb, available_gb = room(sample)
    used_gb = _used(total_gb, available_gb)
    return None if not total_gb or used_gb is None else round(100 * used_gb / total_gb, 1)


def timeline_told(
    samples: Sequence[Moment], events: Sequence[Event], *, settings: Settings
) -> dict[str, Any]:
    """`GET /vram/timeline`, oldest first; GB of 10^9 bytes, pressure in per cent of time."""
    return {
        "every_seconds": SAMPLE_SECONDS,
        "psi_warning": settings.vram_psi_warning_threshold,
        "psi_critical": settings.vram_psi_critical_threshold,
        "samples": [_moment_told(one) for one in samples],
        "events": [
            {"at": iso(one.at), "event": one.event, "model": one.model, "why": one.why}
            for one in events
        ],
    }


def _moment_told(moment: Moment) -> dict[str, Any]:
    total_gb, available_gb = room(moment.memory)
    psi = None if moment.memory is None else moment.memory.psi
    return {
        "at": iso(moment.at),
        "used_gb": _gb(_used(total_gb, available_gb)),
        "available_gb": _gb(available_gb),
        "psi_some_avg10": None if psi is None else psi.some_avg10,
        "psi_full_avg10": None if psi is None else psi.full_avg10,
        "models": {name: _gb(size) for name, size in moment.models.items()},
    }


def _used(total_gb: float | None, available_gb: float | None) -> float | None:
    return None if total_gb is None or available_gb is None else total_gb - available_gb


def psi_told(sample: MemorySample | None) -> dict[str, Any]:
    """
    `GET /vram/psi`: the share of time, in per cent, that some or all processes waited for memory.

    Source: the kernel's Documentation/accounting/psi.rst; totals are in microseconds.
    """
    psi = None if sample is None else sample.psi
    return {
        "available": psi is not None,
        **{name: None if psi is None else getattr(psi, name) for name in Psi.__slots__},
        "read_at": None if sample is None else _moment(sample.at),
        "problem": "it was not read yet" if sample is None else sample.problem,
    }


def breaker_settings_told(settings: Settings) -> dict[str, Any]:
    """When a model counts as crashing again and again."""
    return {
        "enabled": settings.vram_circuit_breaker_enabled,
        "threshold": settings.vram_crash_threshold,
        "window_seconds": settings.vram_crash_window_seconds,
        "buffer_gb": settings.vram_circuit_breaker_buffer_gb,
    }


def breakers_told(breakers: tuple[BreakerStatus, ...]) -> dict[str, Any]:
    """Models with crashes, by name."""
    return {
        one.model: {
            "state": one.state,
            "crashes": one.crashes,
            "opened_at": _moment(one.opened_at),
            "retry_at": _moment(one.retry_at),
            "reason": one.reason,
        }
        for one in breakers
    }


def plan_told(plan: Plan) -> dict[str, Any]:
    """What a load would do now."""
    return {
        "model": plan.model,
        "server": plan.server,
        "fits": plan.fits,
        "need_gb": _gb(plan.need_gb),
        "free_gb": _gb(plan.free_gb),
        "would_evict": [
            {"model": one.model, "size_gb": _gb(one.gb), "reason": one.reason}
            for one in plan.victims
        ],
        "runner_up": list(plan.runner_up),
        "would_wait_for": list(plan.would_wait_for),
        "why": plan.why,
    }


def reconciled_told(found: Reconciled) -> dict[str, Any]:
    """What was put right."""
    return {
        "registry_count": found.registry_count,
        "backend_count": found.backend_count,
        "cleaned_count": len(found.cleaned_models),
        "cleaned_models": list(found.cleaned_models),
        "adopted_models": list(found.adopted_models),
    }


def _loaded(one: LoadedModel, *, now: float) -> dict[str, Any]:
    idle_since = one.last_used or one.loaded_at
    return {
        "name": one.name,
        "server": one.server,
        "backend": one.backend,
        "state": one.state,
        "size_gb": _gb(one.size_gb),
        "measured": one.measured,
        "estimate_gb": _gb(one.estimate_gb) if one.estimate_gb else None,
        "peak_gb": _gb(one.peak_gb),
        "context_tokens": one.context_tokens,
        "priority": one.priority.name,
        "leases": one.leases,
        "loaded_at": _moment(one.loaded_at),
        "last_used": _moment(one.last_used),
        "use_count": one.use_count,
        "idle_seconds": _idle(one, idle_since, now=now),
    }


def _idle(one: LoadedModel, since: float | None, *, now: float) -> float | None:
    if one.leases:
        return 0.0
    return None if since is None else round(max(0.0, now - since), 1)


def _decision(one: Decision) -> dict[str, Any]:
    return {
        "at": _moment(one.at),
        "kind": one.kind,
        "model": one.model,
        "victims": list(one.victims),
        "reason": one.reason,
        "runner_up": list(one.runner_up),
        "cost": one.cost,
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _gb(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 2)
