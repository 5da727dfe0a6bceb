"""`.env.example` lists every setting of every service, with its default, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

import admin.config
import auth.config
import bot.config
import brain.config
import logsink.config
import ui.config
from shared.settings import SecretSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES: list[type[BaseSettings]] = [
    brain.config.Settings,
    auth.config.Settings,
    admin.config.Settings,
    bot.config.Settings,
    ui.config.Settings,
    logsink.config.Settings,
]
LINE = re.compile(r"^(?P<optional>#?)(?P<name>[A-Z][A-Z0-9_]+)=(?P<value>.*)$", re.MULTILINE)


def settings() -> Iterator[tuple[str, str, Any]]:
    for kind in SERVICES:
        for name, field in kind.model_fields.items():
            yield kind.__module__, name.upper(), field


def listed() -> dict[str, re.Match[str]]:
    text = (ROOT / ".env.example").read_text()
    return {found["name"]: found for found in LINE.finditer(text)}


def as_written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple | frozenset) else f"{value}"


def test_every_setting_is_listed_and_nothing_else() -> None:
    assert set(listed()) == {name for _, name, _ in settings()}


def test_no_setting_is_listed_twice() -> None:
    names = [found["name"] for found in LINE.finditer((ROOT / ".env.example").read_text())]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("service", "name", "field"), list(settings()))
def test_the_value_shown_is_the_default(service: str, name: str, field: Any) -> None:
    if not field.is_required():
        assert listed()[name]["value"] == as_written(field.default), f"{name} of {service}"


def test_only_secrets_are_not_optional() -> None:
    needed = {name for name, found in listed().items() if not found["optional"]}
    assert needed == {name.upper() for name in SecretSettings.model_fields}
