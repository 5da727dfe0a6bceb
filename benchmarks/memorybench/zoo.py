"""The models of the balanced profile as a cache sees them: sizes, load times, priorities."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from brain.catalogue.models import Priority
from brain.vram.policies.view import Known
from brain.vram.residents import Place

SERVER = "machine"
_PROFILE = tomllib.loads((files("brain.catalogue") / "balanced.toml").read_text())
SIZES_GB: dict[str, float] = {one["name"]: one["size_gb"] for one in _PROFILE["models"]}
PRIORITIES = {
    one["name"]: Priority[one["priority"]] for one in _PROFILE["models"] if "priority" in one
}
"""As the profile has them; the rest is NORMAL."""

ROUTER = "gpt-oss:20b"
EMBEDDING = "qwen3-embedding:4b"
AFTERWARDS = "ministral-3:14b"

DOCUMENTS = {
    "gpt-oss:20b": Priority.HIGH,
    "rnj-1:8b": Priority.HIGH,
    "gpt-oss:120b": Priority.HIGH,
    "deepseek-ocr:3b": Priority.LOW,
    "qwen3-embedding:4b": Priority.LOW,
    "devstral-2:123b": Priority.LOW,
    "deepseek-r1:70b": Priority.LOW,
}
"""Another way to give them, with large models in both classes: what a price then costs."""


@dataclass(frozen=True)
class Machine:
    """A memory of `capacity_gb` and a disk: a load takes `fixed_seconds` and its bytes."""

    capacity_gb: float = 110.0
    gb_per_second: float = 1.5
    fixed_seconds: float = 2.0

    def load_seconds(self, gb: float) -> float:
        return self.fixed_seconds + gb / self.gb_per_second

    def zoo(self, priorities: Mapping[str, Priority] = PRIORITIES) -> tuple[Known, ...]:
        """Every model that may be asked for, in the order of their names."""
        return tuple(
            Known(
                Place(SERVER, name),
                gb,
                self.load_seconds(gb),
                priorities.get(name, Priority.NORMAL),
            )
            for name, gb in sorted(SIZES_GB.items())
        )
