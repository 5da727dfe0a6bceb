"""What shall go wrong: a list of faults, each for so many times, taken as requests come in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

FaultKind = Literal[
    "error", "drop", "hang", "oom", "vanish", "slow", "babble", "uncounted", "ignore", "die"
]
Moment = Literal["load", "generate", "unload"]


class FaultError(Exception):
    """A list of faults that cannot be read; the text says which entry and why."""


class Fault(BaseModel):
    """
    One thing that goes wrong.

    `on` says whether the load of a model, the answer or the unload (or sleep) is hit.
    `after_tokens` is how much of an answer still comes (0: nothing, the failure is all the client
    sees). `message` replaces the wording of `error` and `oom`. `down_seconds` is how long, in
    scripted seconds, a server that dies refuses connections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    model: str | None = None
    on: Moment = "generate"
    times: Annotated[int, Field(ge=1)] | Literal["forever"] = 1
    status: Annotated[int, Field(ge=400, le=599)] = 500
    message: str | None = None
    after_tokens: Annotated[int, Field(ge=0)] = 0
    factor: Annotated[float, Field(gt=0)] = 10.0
    down_seconds: Annotated[float, Field(ge=0)] = 5.0


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: float


_faults: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])


def parse_faults(text: bytes) -> list[Fault]:
    """The faults in a JSON list. Raises `FaultError`."""
    try:
        return _faults.validate_json(text)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "list"
        raise FaultError(f"Fault {where}: {first['msg']}.") from invalid


def load_faults(path: Path) -> list[Fault]:
    """The faults in the JSON file `path`. Raises `FaultError`."""
    try:
        return parse_faults(path.read_bytes())
    except OSError as unreadable:
        raise FaultError(f"Cannot read the faults {path}: {unreadable.strerror}.") from unreadable


class Faults:
    """The faults still to come, in the order they were set."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._armed: list[_Armed] = []
        self.add(faults)

    def add(self, faults: Sequence[Fault]) -> None:
        """Set more of them."""
        for fault in faults:
            left = float("inf") if fault.times == "forever" else fault.times
            self._armed.append(_Armed(fault, left))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._armed.clear()

    def take(self, kinds: Collection[str], *, model: str, on: Moment | None = None) -> Fault | None:
        """The first fault of these kinds that fits, used up by one; None when there is none."""
        for armed in self._armed:
            if _fits(armed.fault, kinds, model, on):
                armed.left -= 1
                if armed.left <= 0:
                    self._armed.remove(armed)
                return armed.fault
        return None

    def slowness(self, model: str, *, on: Moment) -> float:
        """How many times slower than scripted this one load or answer of `model` is."""
        fault = self.take(("slow",), model=model, on=on)
        return 1.0 if fault is None else fault.factor

    def vanished(self, model: str) -> bool:
        """Whether `model` is gone for now, without using a fault up."""
        return any(_fits(armed.fault, ("vanish",), model, None) for armed in self._armed)

    def report(self) -> bytes:
        """What is still set, as the JSON that `parse_faults` reads."""
        left = [
            armed.fault.model_copy(
                update={"times": armed.fault.times if armed.left == float("inf") else armed.left}
            ).model_dump()
            for armed in self._armed
        ]
        return orjson.dumps(left)


def _fits(fault: Fault, kinds: Collection[str], model: str, on: Moment | None) -> bool:
    return fault.kind in kinds and fault.model in (None, model) and (on is None or fault.on == on)
