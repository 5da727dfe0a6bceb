"""Prompts as text files, put together in layers: who speaks, for which route, on which surface."""

from functools import cache
from importlib.resources import files

from brain.routing.routes import RouteName
from shared.protocol import Surface


@cache
def read(name: str) -> str:
    """The text of `prompts/<name>.md` without surrounding blank lines."""
    return (files("brain.routing") / "prompts" / f"{name}.md").read_text("utf-8").strip()


@cache
def system_prompt(route: RouteName, surface: Surface) -> str:
    """The system prompt of a route on a surface."""
    return "\n\n".join((read("role"), read(f"route_{route}"), read(f"surface_{surface}")))
