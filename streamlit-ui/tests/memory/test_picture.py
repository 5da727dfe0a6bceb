"""The points that the timeline is drawn from."""

from typing import Any

from ui.memory import picture


def sample(at: str, *, available_gb: float | None = 100.0, **models: float) -> dict[str, Any]:
    return {
        "at": at,
        "used_gb": 20.0,
        "available_gb": available_gb,
        "psi_some_avg10": None,
        "psi_full_avg10": 0.5,
        "models": models,
    }


def test_a_model_that_is_gone_is_drawn_at_nothing() -> None:
    points = picture.model_points([sample("1", a=5.0), sample("2", b=3.0)])
    assert [(one["at"], one["model"], one["gb"]) for one in points] == [
        ("1", "a", 5.0),
        ("1", "b", 0.0),
        ("2", "a", 0.0),
        ("2", "b", 3.0),
    ]


def test_what_is_not_known_is_not_drawn() -> None:
    samples = [sample("1", available_gb=None), sample("2")]
    assert [one["at"] for one in picture.free_points(samples)] == ["2"]
    assert {one["who"] for one in picture.pressure_points(samples)} == {"all programs"}


def test_an_event_has_every_field_that_is_shown() -> None:
    points = picture.event_points([{"at": "1", "event": "loaded", "model": None}])
    assert points == [{"at": "1", "event": "loaded", "model": "", "why": ""}]
