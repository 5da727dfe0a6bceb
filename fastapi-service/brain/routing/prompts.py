"""Prompts as text files, put together in layers: who speaks, for which route, on which surface."""

from functools import cache, lru_cache
from importlib.resources import files

from brain.routing.routes import RouteName
from shared.protocol import Surface


@cache
def read(name: str) -> str:
    """The text of `prompts/<name>.md` without surrounding blank lines."""
    return (files("brain.routing") / "prompts" / f"{name}.md").read_text("utf-8").strip()


@lru_cache(maxsize=256)
def system_prompt(route: RouteName, surface: Surface, language: str | None = None) -> str:
    """The system prompt of a route on a surface, for a person who prefers a language or not."""
    layers = [read("role"), read(f"route_{route}"), read(f"surface_{surface}")]
    if language is not None:
        layers.append(read("language").format(language=language))
    return "\n\n".join(layers)
