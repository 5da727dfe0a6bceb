"""
Keeps a model that crashes again and again from being loaded again and again.

            2 crashes in 300 s              retry time is over: one probe
  closed ───────────────────────▶ open ────────────────────────────▶ half_open
    ▲                              ▲ │ 30 s × 2^n, 10 min at most       │ │
    │                              └─┼───── crash, failed, too late: n+1┘ │
    └────────────────────────────────┴──── ready for 60 s or 3 successes ─┘

One object serves many names: of models, or of servers. Time is an argument; nothing here waits.
"""

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["closed", "open", "half_open"]

FIRST_PAUSE_SECONDS = 30.0
MAX_PAUSE_SECONDS = 600.0
JITTER = 0.2
SETTLED_SECONDS = 60.0
SETTLED_SUCCESSES = 3
KEPT_CRASHES = 50
"""Crashes remembered a name."""


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """What an operator may change; `probe_seconds` is the time a load may take."""

    enabled: bool = True
    crash_threshold: int = 2
    crash_window_seconds: float = 300.0
    probe_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Crash:
    """It went away without being asked to: out of memory, exit, stalled load, killed."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """One name as an operator sees it; times are seconds since 1970."""

    model: str
    state: State
    crashes: int
    """In the window that counts; all that are remembered are in `Breaker.crashes`."""

    opened_at: float | None
    retry_at: float | None
    """When the next load may be tried; None when it is closed, or forced open."""

    reason: str
    """Of the newest crash."""


@dataclass(slots=True)
class _Circuit:
    crashes: list[Crash] = field(default_factory=list)
    state: State = "closed"
    counted_from: float = 0.0
    """Crashes before the breaker last closed no longer count."""

    round: int = 0
    opened_at: float | None = None
    retry_at: float | None = None
    forced: bool = False
    deadline: float | None = None
    """When the probe's load must have ended."""

    ready_at: float | None = None
    successes: int = 0


class Breaker:
    """Unknown names are closed. Calls in any order and twice are fine."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._circuits: dict[str, _Circuit] = {}

    def state(self, model: str, at: float) -> State:
        """`half_open` from the start of a probe until it has proved itself or failed."""
        circuit = self._at(model, at)
        return circuit.state if circuit else "closed"

    def may_load(self, model: str, at: float) -> bool:
        """Whether a load may start; from `open` it is a probe, to be told by `probe_started`."""
        circuit = self._at(model, at)
        if circuit is None or circuit.state == "closed":
            return True
        return circuit.state == "open" and circuit.retry_at is not None and at >= circuit.retry_at

    def retry_at(self, model: str) -> float | None:
        """When a load may be tried; None while closed or forced open."""
        circuit = self._circuits.get(model)
        return circuit.retry_at if circuit and circuit.state == "open" else None

    def crash(self, model: str, at: float, reason: str) -> State:
        """It crashed; the state after it. Crashes while open are only remembered."""
        circuit = self._at(model, at) or self._circuits.setdefault(model, _Circuit())
        circuit.crashes = [*circuit.crashes, Crash(at, reason)][-KEPT_CRASHES:]
        if not self._settings.enabled:
            return circuit.state
        if circuit.state == "half_open":
            self._open(model, circuit, at, circuit.round + 1)
        elif (
            circuit.state == "closed"
            and self._counting(circuit, at) >= self._settings.crash_threshold
        ):
            self._open(model, circuit, at, 0)
        return circuit.state

    def probe_started(self, model: str, at: float) -> None:
        """The one load that `may_load` allowed has begun; without an open breaker nothing."""
        circuit = self._at(model, at)
        if circuit is not None and circuit.state == "open" and self.may_load(model, at):
            circuit.state, circuit.deadline = "half_open", at + self._settings.probe_seconds
            circuit.ready_at, circuit.successes = None, 0

    def probe_ended(self, model: str, at: float, *, ok: bool | None) -> None:
        """
        The probe's load ended.

        True: it is ready and has to prove itself now. False: it failed, which opens for longer
        (`crash` does so too; both are once). None: neither, as it was cancelled or unloaded by
        us; another probe may start at once.
        """
        circuit = self._at(model, at)
        if circuit is None or circuit.state != "half_open":
            return
        if ok is None:
            circuit.state, circuit.deadline, circuit.ready_at = "open", None, None
        elif not ok:
            self._open(model, circuit, at, circuit.round + 1)
        elif circuit.ready_at is None:
            circuit.ready_at = at

    def success(self, model: str, at: float) -> None:
        """It did a piece of work to its end."""
        circuit = self._at(model, at)
        if circuit is not None and circuit.state == "half_open" and circuit.ready_at is not None:
            circuit.successes += 1
            if circuit.successes >= SETTLED_SUCCESSES:
                _close(circuit, at)

    def clear(self, model: str) -> None:
        """Forget everything about it (an operator)."""
        self._circuits.pop(model, None)

    def force_open(self, model: str, at: float) -> None:
        """Let nobody load it until `clear` (an operator)."""
        circuit = self._circuits.setdefault(model, _Circuit())
        self._open(model, circuit, at, circuit.round)
        circuit.forced, circuit.retry_at = True, None

    def crashes(self) -> Mapping[str, tuple[Crash, ...]]:
        """What is remembered by name, oldest first."""
        return {name: tuple(one.crashes) for name, one in self._circuits.items() if one.crashes}

    def report(self, at: float) -> tuple[BreakerStatus, ...]:
        """Every name that crashed or is not closed, by name."""
        return tuple(self._status(name, at) for name in sorted(self._circuits))

    def dump(self) -> dict[str, Any]:
        """Everything, as plain JSON, for `load` after a restart."""
        return {name: asdict(one) for name, one in self._circuits.items()}

    def load(self, dumped: Mapping[str, Any], *, at: float) -> None:
        """
        Take over what `dump` made; a probe of then is over, and may be tried again.

        Where breakers are disabled now, only what an operator forced stays open. The clock may have
        been set back since: nothing happened later than `at`, and no pause is longer than any is.
        """
        for name, row in dumped.items():
            crashes = [Crash(min(one["at"], at), one["reason"]) for one in row["crashes"]]
            circuit = _Circuit(**{**row, "crashes": crashes})
            circuit.counted_from = min(circuit.counted_from, at)
            if circuit.state == "half_open":
                circuit.state, circuit.deadline, circuit.ready_at = "open", None, None
            if circuit.retry_at is not None:
                circuit.retry_at = min(circuit.retry_at, at + MAX_PAUSE_SECONDS)
            if not self._settings.enabled and not circuit.forced:
                _close(circuit, circuit.counted_from)
            self._circuits[name] = circuit

    def _status(self, model: str, at: float) -> BreakerStatus:
        state, circuit = self.state(model, at), self._circuits[model]
        return BreakerStatus(
            model=model,
            state=state,
            crashes=self._counting(circuit, at),
            opened_at=circuit.opened_at,
            retry_at=self.retry_at(model),
            reason=circuit.crashes[-1].reason if circuit.crashes else "",
        )

    def _counting(self, circuit: _Circuit, at: float) -> int:
        start = max(circuit.counted_from, at - self._settings.crash_window_seconds)
        return sum(crash.at >= start for crash in circuit.crashes)

    def _at(self, model: str, at: float) -> _Circuit | None:
        """The circuit after what time alone has done to it."""
        circuit = self._circuits.get(model)
        if circuit is None or circuit.state != "half_open":
            return circuit
        if circuit.ready_at is not None:
            if at >= circuit.ready_at + SETTLED_SECONDS:
                _close(circuit, circuit.ready_at + SETTLED_SECONDS)
        elif circuit.deadline is not None and at >= circuit.deadline:
            self._open(model, circuit, circuit.deadline, circuit.round + 1)
        return circuit

    def _open(self, model: str, circuit: _Circuit, at: float, round_: int) -> None:
        circuit.state, circuit.round, circuit.opened_at = "open", round_, at
        circuit.retry_at = at + pause_seconds(model, round_)
        circuit.deadline, circuit.ready_at, circuit.successes = None, None, 0


def pause_seconds(model: str, round_: int) -> float:
    """
    How long the breaker stays open in its `round_`-th round in a row, from 0.

    The jitter (up to a fifth more) comes from the name and the round, so that models that went
    down together do not come back together, and the same history gives the same times.
    """
    jitter = 1 + JITTER * zlib.crc32(f"{model}:{round_}".encode()) / 2**32
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(round_, 10) * jitter, MAX_PAUSE_SECONDS)


def _close(circuit: _Circuit, at: float) -> None:
    circuit.state, circuit.round, circuit.counted_from = "closed", 0, at
    circuit.opened_at, circuit.retry_at, circuit.forced = None, None, False
    circuit.deadline, circuit.ready_at, circuit.successes = None, None, 0
