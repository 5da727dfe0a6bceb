"""Memories to choose victims in: short ways to write them down in a test."""

from collections.abc import Mapping

from brain.catalogue.models import Priority
from brain.vram.policies.view import Choice, Held, Known, Policy, View
from brain.vram.residents import Place


def place(name: str) -> Place:
    return Place("s", name)


def held(
    name: str,
    gb: float,
    *,
    priority: Priority = Priority.NORMAL,
    used: int = 0,
    leased: bool = False,
    wanted: int = 0,
    reload_seconds: float | None = None,
) -> Held:
    """A model in memory; without `reload_seconds` it loads at 2 GB a second."""
    return Held(
        place=place(name),
        gb=gb,
        priority=priority,
        reload_seconds=gb / 2 if reload_seconds is None else reload_seconds,
        used_order=used,
        used_at=None,
        uses=0,
        leased=leased,
        wanted=wanted,
    )


def view(*models: Held, need: float, rates: Mapping[str, float] | None = None) -> View:
    """A full memory in which a model is wanted that is as large as what it needs freed."""
    wanted = Known(place("wanted"), need, need / 2, Priority.NORMAL)
    return View(
        at=0.0,
        capacity_gb=sum(one.gb for one in models),
        wanted=wanted,
        need_gb=need,
        held=models,
        rates={place(name): rate for name, rate in (rates or {}).items()},
    )


def names(choice: Choice | None) -> list[str] | None:
    return None if choice is None else sorted(one.model for one in choice.victims)


def chosen(policy: Policy, seen: View) -> list[str] | None:
    """Who leaves, by name in alphabetical order; None when nobody can."""
    return names(policy.choose(seen))
