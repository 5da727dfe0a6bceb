"""Whether the memory of models is well, judged by the orchestrator's state, with reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from brain.api.vram.told import room, usage_pct
from brain.vram.pressure import Level
from brain.vram.status import Status

BUSY_PCT = 90.0
"""From here on `/vram/health` is no longer healthy (main document, "Get health status")."""

FULL_PCT = 95.0
"""Above this `/health` is degraded (protocol section 4) and `/vram/health` unhealthy."""

Condition = Literal["healthy", "degraded", "unhealthy"]


class Weight(IntEnum):
    """How bad a finding is."""

    NOTE = 1
    """Worth a look: `/vram/health` is degraded, `/health` is not."""

    TROUBLE = 2
    """Both are degraded."""

    GRAVE = 3
    """`/vram/health` is unhealthy; the brain still takes questions, so `/health` is degraded."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well, as a sentence."""

    weight: Weight
    sentence: str


def findings(status: Status, *, psi_warning: float) -> tuple[Finding, ...]:
    """
    Everything that is not well, the worst first.

    `psi_warning` is `VRAM_PSI_WARNING_THRESHOLD`, per cent of `full avg10`.
    """
    found = [
        *_memory(status, psi_warning=psi_warning),
        *_servers(status),
        *_models(status),
        *_settings(status),
    ]
    return tuple(sorted(found, key=lambda one: -one.weight))


def condition(found: tuple[Finding, ...]) -> Condition:
    """The status of `GET /vram/health`."""
    worst = max((one.weight for one in found), default=0)
    if worst == Weight.GRAVE:
        return "unhealthy"
    return "degraded" if worst else "healthy"


def hinders(found: tuple[Finding, ...]) -> bool:
    """Whether `GET /health` of the whole brain is degraded by it."""
    return any(one.weight >= Weight.TROUBLE for one in found)


def _memory(status: Status, *, psi_warning: float) -> Iterator[Finding]:
    sample = status.memory
    used = usage_pct(sample)
    if used is None:
        why = f": {sample.problem}" if sample is not None and sample.problem else ""
        how = "Models are loaded again once it is; MEMINFO_FILE names the file that tells it."
        yield Finding(Weight.TROUBLE, f"How much memory is free is not known{why}. {how}")
    elif used > FULL_PCT:
        yield Finding(Weight.GRAVE, f"{used:g} % of the memory is used{_left(status)}.")
    elif used >= BUSY_PCT:
        yield Finding(Weight.NOTE, f"{used:g} % of the memory is used{_left(status)}.")
    if status.level > Level.CALM:
        weight = Weight.GRAVE if status.level >= Level.CRIT else Weight.NOTE
        yield Finding(weight, f"Memory pressure: {status.level_reason.rstrip('.')}.")
    elif sample is not None and sample.psi is None:
        yield Finding(Weight.NOTE, "The kernel does not tell its memory pressure (PSI).")
    elif sample is not None and sample.psi and sample.psi.full_avg10 > psi_warning:
        full = f"{sample.psi.full_avg10:g} % of the last 10 s"
        yield Finding(Weight.NOTE, f"All processes waited for memory for {full}.")


def _left(status: Status) -> str:
    _, available_gb = room(status.memory)
    return "" if available_gb is None else f", {available_gb:.1f} GB are available"


def _servers(status: Status) -> Iterator[Finding]:
    if not any(server.up for server in status.servers):
        yield Finding(Weight.GRAVE, "No model server answers.")
    for server in status.servers:
        if not server.up:
            why = f": {server.problem.rstrip('.')}" if server.problem else ""
            yield Finding(Weight.TROUBLE, f"{server.name} does not answer{why}.")


def _settings(status: Status) -> Iterator[Finding]:
    for problem in status.problems:
        yield Finding(Weight.NOTE, problem)


def _models(status: Status) -> Iterator[Finding]:
    for one in status.breaker:
        if one.state != "closed":
            yield Finding(
                Weight.TROUBLE,
                f"{one.model} crashed {one.crashes} times and is tried again later"
                + (f": {one.reason.rstrip('.')}." if one.reason else "."),
            )
    for model in status.loaded:
        if model.state == "stuck":
            yield Finding(Weight.TROUBLE, f"{model.name} does not leave the memory of its server.")
