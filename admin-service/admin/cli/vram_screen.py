"""Tables and sentences for `trollama vram`, from the brain's JSON alone; they fit 80 columns."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from admin.cli.words import printable

SHOWN_DECISIONS = 8
Json = dict[str, Any]
UNKNOWN = "?"


def status(report: Json) -> RenderableType:
    """Facts, models, what is under way, and the newest decisions."""
    parts = [_facts(report), Text()]
    parts.append(_models(report["loaded_models"]))
    parts += [Text(line) for line in _under_way(report)]
    if report["decisions"]:
        parts += [Text(), Text("Newest decisions:"), _decisions(report["decisions"])]
    return Group(*parts)


def psi(report: Json) -> RenderableType:
    """Some and all processes, over 10, 60 and 300 seconds."""
    if not report["available"]:
        return _line(f"Pressure is not known here: {report['problem'] or 'no reason given'}.")
    table = _table("waiting for memory", "10 s >", "60 s >", "300 s >", "since boot >")
    for name, who in (("some", "at least one process"), ("full", "all processes at once")):
        averages = [f"{report[f'{name}_avg{span}']:.1f} %" for span in (10, 60, 300)]
        table.add_row(who, *averages, f"{report[f'{name}_total_us'] / 1e6:.0f} s")
    return table


def plan(report: Json) -> RenderableType:
    """What would have to go."""
    model = report["model"]
    need, free = _gb(report["need_gb"]), _gb(report["free_gb"])
    if report["why"] == "it is in memory":
        return _line(f"{model} is in memory on {report['server']} ({need}).")
    head = f"{model} on {report['server']} needs {need}; {free} are free."
    parts: list[RenderableType] = [_line(head)]
    if report["would_evict"]:
        table = _table("would be unloaded", "GB >", "why")
        for one in report["would_evict"]:
            table.add_row(_text(one["model"]), _gb(one["size_gb"], ""), _text(one["reason"]))
        parts.append(table)
    if report["would_wait_for"]:
        parts.append(_line(f"It would wait for: {_list(report['would_wait_for'])}."))
    if report["runner_up"]:
        parts.append(_line(f"The next best choice: {_list(report['runner_up'])}."))
    if report["why"]:
        parts.append(_line(report["why"]))
    return Group(*parts)


def loaded(report: Json) -> RenderableType:
    """A model that is there now."""
    size = report.get("size_gb")
    return _line(f"{report['model']} is in memory{'' if size is None else f', {_gb(size)}'}.")


def unloaded(report: Json) -> RenderableType:
    """A model that goes, will go, or was not there."""
    words = {
        "unloading": "is being unloaded",
        "draining": "is in use; it leaves memory after the answers that use it",
        "absent": "is not in memory",
    }
    return _line(f"{report['model']} {words.get(report['state'], report['state'])}.")


def optimized(report: Json) -> RenderableType:
    """What was freed."""
    if not report["unloaded"]:
        return _line("Nothing to free.")
    gone = [f"{one['model']} ({_gb(one['size_gb'])})" for one in report["unloaded"]]
    return _line(f"Freed {_gb(report['freed_gb'])}: {_list(gone)}.")


def reconciled(report: Json) -> RenderableType:
    """What was put right."""
    books, servers = report["registry_count"], report["backend_count"]
    said = f"{books} in the books, {servers} on the servers."
    for words, key in (("Cleaned", "cleaned_models"), ("Adopted", "adopted_models")):
        if report[key]:
            said += f" {words}: {_list(report[key])}."
    if not report["cleaned_models"] and not report["adopted_models"]:
        said += " They agree."
    return _line(said)


def crashes(report: Json) -> RenderableType:
    """Who crashed, and what follows from it."""
    rule = (
        f"A model that crashes {report['threshold']} times in "
        f"{report['window_seconds']:g} s is held back."
        if report["enabled"]
        else "No model is held back: VRAM_CIRCUIT_BREAKER_ENABLED is off."
    )
    if not report["models"]:
        return _line(f"No crashes. {rule}")
    table = _table("model", "crashes >", "state", "tried again", "reason")
    for model, one in report["models"].items():
        table.add_row(
            _text(model),
            str(one["crashes"]),
            _state(one["state"]),
            _clock(one["retry_at"]),
            _text(one["reason"]),
        )
    return Group(table, _line(rule))


def cleared(report: Json) -> RenderableType:
    """Forgotten crashes."""
    return _line(f"Forgot {report['cleared']} crashes of {report['model']}.")


# ------------------------------------------------------------------ parts of the status


def _facts(report: Json) -> RenderableType:
    memory, limits, pressure = report["memory"], report["limits"], report["pressure"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Memory", _text(_memory(memory)))
    reason = f": {pressure['reason']}" if pressure["reason"] else ""
    table.add_row("Pressure", _text(f"{pressure['level']}{reason}"))
    table.add_row("PSI", _psi(memory))
    table.add_row(
        "Models",
        f"{_gb(memory['model_usage_gb'])} of {_gb(limits['hard_gb'])}, "
        f"soft limit {_gb(limits['soft_gb'])}"
        if report["orchestrator_enabled"]
        else f"{_gb(memory['model_usage_gb'])}; no limit holds",
    )
    orchestrator = "" if report["orchestrator_enabled"] else ", orchestrator off"
    table.add_row("Profile", _text(f"{report['profile']}, policy {report['policy']}{orchestrator}"))
    for server in report["servers"]:
        condition = "up" if server["up"] else f"down: {server['problem'] or 'no reason given'}"
        rehearsal = ", rehearsal" if server["rehearsal"] else ""
        table.add_row(
            "Server", _text(f"{server['name']} at {server['url']}{rehearsal}: {condition}")
        )
    for problem in report["problems"]:
        table.add_row("Problem", _text(problem))
    return table


def _memory(memory: Json) -> str:
    if memory["usage_pct"] is None:
        return f"not known: {memory['problem'] or 'no reason given'}"
    kind = "" if memory["kind"] == "unknown" else f", {memory['kind']}"
    return (
        f"{memory['usage_pct']:g} % used, {_gb(memory['available_gb'])} of "
        f"{_gb(memory['total_gb'])} available{kind}"
    )


def _psi(memory: Json) -> str:
    if memory["psi_full_avg10"] is None:
        return "not known"
    some, full = memory["psi_some_avg10"], memory["psi_full_avg10"]
    return f"some {some:.1f} %, full {full:.1f} % of the last 10 s"


def _models(rows: Sequence[Json]) -> RenderableType:
    if not rows:
        return Text("No model is in memory.")
    table = _table("model", "server", "state", "GB >", "priority", "leases >", "idle >")
    for one in rows:
        size = _gb(one["size_gb"], "")
        table.add_row(
            _text(one["name"]),
            _text(one["server"]),
            _state(one["state"]),
            size if one["measured"] else f"~{size}",
            one["priority"],
            str(one["leases"]),
            _span(one["idle_seconds"]),
        )
    return table


def _under_way(report: Json) -> Iterable[str]:
    for one in report["loading"]:
        yield printable(
            f"Loading {one['name']} on {one['server']}, about {_span(one['eta_seconds'])} left"
        )
    waiting = Counter((one["model"], one.get("detail") or "") for one in report["waiting"])
    for (model, detail), callers in waiting.items():
        yield printable(f"Waiting for {model}: {callers}" + (f" ({detail})" if detail else ""))
    for model, one in report["circuit_breaker"]["models"].items():
        if one["state"] != "closed":
            again = f", tried again at {_clock(one['retry_at'])}" if one["retry_at"] else ""
            why = f" ({one['reason']})" if one["reason"] else ""
            yield printable(f"Breaker of {model}: {_state(one['state'])}{again}{why}")


def _decisions(rows: Sequence[Json]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in rows[:SHOWN_DECISIONS]:
        said = one["kind"]
        if one["victims"]:
            said += f" {_list(one['victims'])}"
        if one["model"]:
            said += f" for {one['model']}" if one["victims"] else f" {one['model']}"
        if one["reason"]:
            said += f": {one['reason']}"
        if one["runner_up"]:
            said += f" (else {_list(one['runner_up'])})"
        table.add_row(_clock(one["at"]), _text(said))
    return table


# ------------------------------------------------------------------ words and cells


def _table(*heads: str) -> Table:
    """Columns by their heads; one that ends in `>` is aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        right = head.endswith(" >")
        table.add_column(
            head.removesuffix(" >"), justify="right" if right else "left", overflow="fold"
        )
    return table


def _text(words: object) -> Text:
    return Text(printable(str(words)))


_line = _text


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))


def _gb(amount: float | None, unit: str = " GB") -> str:
    return UNKNOWN if amount is None else f"{amount:.1f}{unit}"


def _state(state: str) -> str:
    return state.replace("_", " ")


def _span(seconds: float | None) -> str:
    """`12 s`, `5 min`, `3.5 h`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _clock(moment: str | None) -> str:
    """A moment as the clock on the wall shows it."""
    if moment is None:
        return ""
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")
