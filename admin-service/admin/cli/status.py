"""`trollama status`: what answers, and how it is."""

from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from admin.cli.calls import call
from admin.cli.words import printable
from admin.config import Settings
from admin.local.state import running
from admin.local.words import models_lines, progress
from shared.errors import BoundaryError


def console_for(out: TextIO) -> Console:
    """Long lines are left to the terminal: a command that is cut cannot be copied."""
    return Console(file=out, highlight=False, soft_wrap=True)


async def show_status(settings: Settings, *, root: Path, console: Console) -> bool:
    """Print one line a service; whether the brain takes questions."""
    brain = await _health("The brain", settings.brain_address)
    auth = await _health("Sign-in", settings.auth_address)
    table = Table(box=None, show_header=False, pad_edge=False)
    _add_row(table, "brain", _condition(brain), settings.brain_address, _brain_facts(brain))
    _add_row(table, "auth", _condition(auth), settings.auth_address, "")
    console.print(table)
    state = running(root)
    if state is not None:
        console.print(f"\nLocal mode, supervisor {state.supervisor.pid}:")
        for service in state.services:
            console.print(f"  {service.name:<10}{progress(service)}", markup=False)
        for line in models_lines(state):
            console.print(line, markup=False)
    for reason in [] if isinstance(brain, str) else brain.get("reasons") or []:
        console.print(f"  {printable(str(reason))}", markup=False)
    if isinstance(brain, str):
        console.print(f"\n{printable(brain)}", markup=False)
    elif brain.get("reasons"):
        console.print("More: trollama vram", markup=False)
    return not isinstance(brain, str)


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))


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
    if report.get("waiting_for_models"):
        facts.append(f"{report['waiting_for_models']} waiting for a model")
    facts.append(f"loaded: {', '.join(map(str, loaded))}" if loaded else "no model loaded")
    return "; ".join(facts)
