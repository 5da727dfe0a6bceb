"""The timeline of memory and pressure as Vega-Lite specifications (https://vega.github.io/vega-lite)."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
Spec = dict[str, Any]
TIME: Spec = {"field": "at", "type": "temporal", "title": None, "axis": {"format": "%H:%M"}}
LEGEND: Spec = {"orient": "bottom", "title": None, "columns": 2}
EVENT_COLOR = "#d9730d"


def memory(timeline: Json) -> Spec:
    """GB of each model over time, one on top of the other, what is free, and what happened."""
    samples, events = timeline["samples"], timeline["events"]
    return {
        "height": 220,
        "layer": [
            {
                "data": {"values": model_points(samples)},
                "mark": {"type": "area", "interpolate": "step-after", "opacity": 0.8},
                "encoding": {
                    "x": TIME,
                    "y": {"field": "gb", "type": "quantitative", "title": "GB", "stack": "zero"},
                    "color": {"field": "model", "type": "nominal", "legend": LEGEND},
                    "tooltip": [
                        {"field": "model", "title": "model"},
                        {"field": "gb", "title": "GB", "format": ".1f"},
                    ],
                },
            },
            {
                "data": {"values": free_points(samples)},
                "mark": {"type": "line", "strokeDash": [4, 3], "color": "#888888"},
                "encoding": {"x": TIME, "y": {"field": "gb", "type": "quantitative"}},
            },
            {
                "data": {"values": event_points(events)},
                "mark": {"type": "rule", "color": EVENT_COLOR, "opacity": 0.7},
                "encoding": {
                    "x": TIME,
                    "tooltip": [
                        {"field": "event", "title": "what"},
                        {"field": "model", "title": "model"},
                        {"field": "why", "title": "why"},
                    ],
                },
            },
        ],
    }


def pressure(timeline: Json) -> Spec:
    """Per cent of the time that programs waited for memory."""
    return {
        "height": 120,
        "data": {"values": pressure_points(timeline["samples"])},
        "mark": {"type": "line", "interpolate": "monotone"},
        "encoding": {
            "x": TIME,
            "y": {
                "field": "percent",
                "type": "quantitative",
                "title": "% waiting",
                "scale": {"domainMin": 0},
            },
            "color": {"field": "who", "type": "nominal", "legend": LEGEND},
        },
    }


def model_points(samples: Sequence[Json]) -> list[Json]:
    """
    A point for each sample and model, 0 where the model was not there.

    Without the zeros a stacked area would be drawn across the time a model was gone.
    """
    names = sorted({name for one in samples for name in one["models"]})
    return [
        {"at": one["at"], "model": name, "gb": one["models"].get(name, 0.0)}
        for one in samples
        for name in names
    ]


def free_points(samples: Sequence[Json]) -> list[Json]:
    """GB free at each sample that knows it."""
    return [
        {"at": one["at"], "gb": one["available_gb"]}
        for one in samples
        if one["available_gb"] is not None
    ]


def pressure_points(samples: Sequence[Json]) -> list[Json]:
    """Two points for each sample that knows the pressure."""
    return [
        {"at": one["at"], "who": who, "percent": one[key]}
        for one in samples
        for who, key in (("some program", "psi_some_avg10"), ("all programs", "psi_full_avg10"))
        if one[key] is not None
    ]


def event_points(events: Sequence[Json]) -> list[Json]:
    """What happened, with every field a tooltip names."""
    return [{key: one.get(key) or "" for key in ("at", "event", "model", "why")} for one in events]
