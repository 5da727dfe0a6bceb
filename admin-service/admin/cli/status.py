"""`trollama status`: what answers, and how it is."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from admin.cli.calls import call
from admin.config import Settings
from admin.local.state import running
from admin.local.words import models_lines, progress
from shared.errors import BoundaryError


async def show_status(settings: Settings, *, root: Path, console: Console) -> bool:
    """Print one line a service; whether the brain takes questions."""
    brain = await _health("The brain", settings.brain_address)
    auth = await _health("Sign-in", settings.auth_address)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("brain", _condition(brain), settings.brain_address, _brain_facts(brain))
    table.add_row("auth", _condition(auth), settings.auth_address, "")
    console.print(table)
    state = running(root)
    if state is not None:
        console.print(f"\nLocal mode, supervisor {state.supervisor.pid}:")
        for service in state.services:
            console.print(f"  {service.name:<10}{progress(service)}", markup=False)
        for line in models_lines(state):
            console.print(line, markup=False)
    if isinstance(brain, str):
        console.print(f"\n{brain}", markup=False)
    return not isinstance(brain, str)


async def _health(name: str, address: str) -> dict[str, Any] | str:
    """The health report, or the sentence why there is none."""
    try:
        report = await call("GET", address, "/health")
    except BoundaryError as failure:
        return failure.message
    return report if isinstance(report, dict) else f"{name} gives no health report."


def _condition(report: dict[str, Any] | str) -> str:
    return "down" if isinstance(report, str) else str(report.get("status", "unknown"))


def _brain_facts(report: dict[str, Any] | str) -> str:
    if isinstance(report, str):
        return ""
    loaded = report.get("vram", {}).get("loaded_models") or []
    facts = [f"{report.get('queue_size', 0)} waiting"]
    facts.append(f"loaded: {', '.join(map(str, loaded))}" if loaded else "no model loaded")
    return "; ".join(facts)
