"""Tables and sentences of the memory page; nothing here draws or asks anybody."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

Json = Mapping[str, Any]
UNKNOWN = "?"


def gb(amount: float | None) -> str:
    """`13.0 GB`; GB are 10^9 bytes."""
    return UNKNOWN if amount is None else f"{amount:.1f} GB"


def span(seconds: float | None) -> str:
    """`12 s`, `5 min`, `3.5 h`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def clock(moment: str | None, zone: tzinfo | None) -> str:
    """A moment in ISO 8601 as the clock on that zone's wall shows it; `None` is ours."""
    if moment is None:
        return ""
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%H:%M:%S")


def known_models(status: Json) -> list[str]:
    """Every model of a server that answers, and what is in memory, by name."""
    served = {name for one in status["servers"] if one["up"] for name in one["models"]}
    return sorted(served | {one["name"] for one in status["loaded_models"]})


def room(status: Json) -> str:
    """How much models take and how much there is."""
    memory, limits = status["memory"], status["limits"]
    taken = gb(memory["model_usage_gb"])
    said = (
        f"Models take {taken} of the {gb(limits['hard_gb'])} they may have."
        if status["orchestrator_enabled"]
        else f"Models take {taken}. The orchestrator is off, so no limit holds."
    )
    if memory["available_gb"] is None:
        problem = f": {memory['problem']}" if memory["problem"] else ""
        return f"{said} How much memory is free is not known{problem}."
    return f"{said} {gb(memory['available_gb'])} of {gb(memory['total_gb'])} are free."


def pressure(status: Json) -> str:
    """How long processes waited for memory, and what is done about it."""
    memory, level = status["memory"], status["pressure"]
    if memory["psi_full_avg10"] is None:
        said = "How long programs wait for memory is not known here."
    else:
        some, full = memory["psi_some_avg10"], memory["psi_full_avg10"]
        said = (
            f"In the last 10 s some program waited for memory {some:.1f} % of the time, "
            f"all of them {full:.1f} %."
        )
    if level["level"] == "calm":
        return said
    why = f" ({level['reason']})" if level["reason"] else ""
    return f"{said} Pressure is {level['level']}{why}."


def model_lines(status: Json) -> dict[str, str]:
    """A line for each model in memory, by its name and server: state, memory, who uses it."""
    return {
        f"{one['name']}@{one['server']}": " · ".join(
            [
                f"**{one['name']}**",
                str(one["state"]).replace("_", " "),
                gb(one["size_gb"]) + (" measured" if one["measured"] else " estimated"),
                f"{str(one['priority']).lower()} priority",
                f"used by {answers(one['leases'])}"
                if one["leases"]
                else f"idle for {span(one['idle_seconds'])}",
                f"on {one['server']}",
            ]
        )
        for one in status["loaded_models"]
    }


def loading_lines(status: Json) -> list[str]:
    """A line for each model on its way into memory."""
    return [
        f"**{one['name']}** · loading, about {span(one['eta_seconds'])} left · on {one['server']}"
        for one in status["loading"]
    ]


def answers(count: int) -> str:
    """Who uses a model: every lease is an answer that speaks with it."""
    return "nobody" if count == 0 else f"{count} answer{'' if count == 1 else 's'}"


def waiting_lines(status: Json) -> list[str]:
    """Who waits for which model and for what, a line for those who wait for the same."""
    alike = Counter((one["model"], one.get("detail") or "") for one in status["waiting"])
    return [
        f"{answers(count).capitalize()} {'waits' if count == 1 else 'wait'} for **{model}**"
        + (f": {detail}" if detail else "")
        for (model, detail), count in alike.items()
    ]


def server_lines(status: Json) -> list[str]:
    """Every model server and how it is."""
    lines = []
    for one in status["servers"]:
        state = "answers" if one["up"] else f"does not answer ({one['problem'] or 'no reason'})"
        draining = ", nothing begins there any more" if one["draining"] else ""
        rehearsed = ", stand-ins with scripted answers" if one["rehearsal"] else ""
        lines.append(f"**{one['name']}** at {one['url']} {state}{draining}{rehearsed}")
    return lines


def decision_lines(status: Json, zone: tzinfo | None, *, most: int = 8) -> list[str]:
    """What was decided lately and why, the newest first."""
    return [
        f"{clock(one['at'], zone)} · {_decided(one)}"
        + (f": {one['reason']}" if one["reason"] else "")
        for one in status["decisions"][:most]
    ]


def event_lines(timeline: Json, zone: tzinfo | None, *, most: int = 8) -> list[str]:
    """What happened to models lately, the newest first."""
    newest = sorted(timeline["events"], key=lambda one: str(one["at"]), reverse=True)[:most]
    return [
        f"{clock(one['at'], zone)} · {str(one['event']).replace('_', ' ')}"
        + (f" {one['model']}" if one.get("model") else "")
        + (f": {one['why']}" if one.get("why") else "")
        for one in newest
    ]


def held_back(status: Json, zone: tzinfo | None) -> dict[str, str]:
    """Models with crashes, by name, with a sentence each."""
    told = {}
    for name, one in status["circuit_breaker"]["models"].items():
        crashes = f"{one['crashes']} crash{'' if one['crashes'] == 1 else 'es'}"
        if one["state"] == "closed":
            told[name] = f"{crashes} of late; it may be loaded."
            continue
        again = f" until {clock(one['retry_at'], zone)}" if one["retry_at"] else ""
        why = f": {one['reason'].rstrip('.')}" if one["reason"] else ""
        told[name] = f"held back{again} ({crashes}){why}."
    return told


def plan_lines(plan: Json) -> list[str]:
    """What a load would do now, and why; the first line is the answer."""
    model = plan["model"]
    if plan["why"] == "it is in memory":
        return [f"{model} is in memory already ({gb(plan['need_gb'])})."]
    after = ", so others have to leave first." if plan["would_evict"] else "."
    needs = f"{model} needs {gb(plan['need_gb'])} on {plan['server']}"
    lines = [f"{needs}; {gb(plan['free_gb'])} are free{after}"]
    lines += [
        f"{one['model']} ({gb(one['size_gb'])}) would leave: {one['reason']}."
        for one in plan["would_evict"]
    ]
    if plan["would_wait_for"]:
        lines.append(f"It would wait for {_list(plan['would_wait_for'])}.")
    if plan["runner_up"]:
        lines.append(f"The next best choice would be {_list(plan['runner_up'])}.")
    if plan["why"]:
        lines.append(f"Why: {str(plan['why']).rstrip('.')}.")
    return lines


def loaded_line(report: Json) -> str:
    """A model that is there now."""
    size = report.get("size_gb")
    return f"{report['model']} is in memory{'' if size is None else f' ({gb(size)})'}."


def unloaded_line(report: Json) -> str:
    """A model that goes, will go, or was not there."""
    words = {
        "unloading": "leaves memory now.",
        "draining": "is in use; it leaves after the answers that use it.",
        "absent": "is not in memory.",
    }
    return f"{report['model']} {words.get(report['state'], report['state'])}"


def optimized_line(report: Json) -> str:
    """What was freed."""
    if not report["unloaded"]:
        return "Nothing is idle that is not worth its memory."
    gone = [f"{one['model']} ({gb(one['size_gb'])})" for one in report["unloaded"]]
    return f"Freed {gb(report['freed_gb'])}: {_list(gone)}."


def reconciled_line(report: Json) -> str:
    """What the books and the servers disagreed about."""
    said = []
    if report["cleaned_models"]:
        said.append(f"No longer there: {_list(report['cleaned_models'])}.")
    if report["adopted_models"]:
        said.append(f"Found on the servers: {_list(report['adopted_models'])}.")
    return " ".join(said) or "Our books and the servers agree."


def cleared_line(report: Json) -> str:
    """Crashes that are forgotten."""
    return f"{report['model']} may be loaded again; {report['cleared']} crashes are forgotten."


def held_line(report: Json) -> str:
    """A model that nobody may load."""
    return f"Nobody can load {report['model']} until you allow it again."


def _decided(one: Json) -> str:
    kind = str(one["kind"]).replace("_", " ")
    who = _list(one["victims"])
    if who and one["model"]:
        return f"{kind}, {who} left for {one['model']}"
    return f"{kind}, {who or one['model']}" if who or one["model"] else kind


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))
