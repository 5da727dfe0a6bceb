"""What the commands say, from the facts of the brain."""

from datetime import datetime
from typing import Any


def budget_lines(person: dict[str, Any]) -> str:
    """One person's week."""
    used, limit = person["used"], person["limit"] + person.get("bonus", 0)
    lines = [f"**{used:,}** of {limit:,} tokens used this week; it begins anew {_moment(person)}."]
    model = (person.get("preferences") or {}).get("model")
    lines.append(f"Your questions go to {model}." if model else "A model is chosen for each.")
    return "\n".join(lines)


def _moment(person: dict[str, Any]) -> str:
    """In the words and the time zone of whoever reads it (Message Formatting, Timestamps)."""
    return f"<t:{datetime.fromisoformat(person['resets_at']).timestamp():.0f}:R>"


def status_lines(health: dict[str, Any], vram: dict[str, Any], queue: dict[str, Any]) -> str:
    """The whole installation in a few lines."""
    memory = vram["memory"]
    parts = ", ".join(f"{name} {state}" for name, state in health["components"].items())
    loaded = ", ".join(
        f"{model['name']} ({model['size_gb']:.1f} GB, {model['state']})"
        for model in vram["loaded_models"]
    )
    return "\n".join(
        [
            f"**{health['status']}** · {parts}",
            f"Queue: {queue['waiting']} waiting, {queue['running']} running",
            f"Memory: {memory['used_gb']:.1f} of {memory['total_gb']:.1f} GB used",
            f"Loaded: {loaded or 'nothing'}",
        ]
    )
