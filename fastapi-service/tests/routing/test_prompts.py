"""Prompts are files in layers, and all of them are there."""

from typing import get_args

import pytest

from brain.routing.prompts import read, system_prompt
from brain.routing.routes import ROUTE_NAMES
from shared.protocol import Surface


@pytest.mark.parametrize("surface", get_args(Surface))
def test_every_route_has_a_prompt_on_every_surface(surface: Surface) -> None:
    for route in ROUTE_NAMES:
        prompt = system_prompt(route, surface)
        assert prompt.startswith(read("role"))
        assert read(f"route_{route}") in prompt
        assert prompt.endswith(read(f"surface_{surface}"))


def test_the_router_prompt_names_every_route() -> None:
    assert all(f"- {route}:" in read("router") for route in ROUTE_NAMES)
