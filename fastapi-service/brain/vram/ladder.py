"""
What is done when the machine runs short of memory: one rung at a time, then wait for its effect.

  1  give up loads for nobody who waits       3  idle NORMAL          (CRIT only, as all below)
  2  idle LOW, least value per GB first       4  drain NORMAL
                                              5  give up the load under way
                                              6  idle HIGH, if unused for half an hour

CRITICAL and leased models never leave. After a rung nothing more is done until three quarters of
its bytes are measured back, for 5 s at most; for 15 s when nothing came back at all. Where only
stalls are left, they get 3 s to fall.
"""

from collections.abc import Callable
from dataclasses import dataclass

from brain.catalogue.models import Priority
from brain.vram.books import Books
from brain.vram.choosing import Chooser
from brain.vram.decisions import Decision
from brain.vram.moves import Moves
from brain.vram.policies.view import Held, loss_seconds
from brain.vram.pressure import Level
from brain.vram.residents import Place, Resident

EFFECT_SECONDS = 5.0
NO_EFFECT_SECONDS = 15.0
EFFECT_SHARE = 0.75
"""Of the expected bytes; the share and the 5 s are Ollama's (server/sched.go)."""

NOTHING_SHARE = 0.05
STALL_SECONDS = 3.0
"""
Stalls that ended show as falling 2 s later (`pressure.FALLING_SECONDS`), at the next reading; until
then they are the same stalls, and a model that left for them is enough.
"""

PROTECTED_IDLE_SECONDS = 1800.0
"""HIGH leaves only when unused for 30 minutes, critical, and nothing else is left (runbook)."""

MESSAGES = {Level.WARN: "⚠️  WARNING PSI", Level.CRIT: "🚨 CRITICAL PSI"}


@dataclass(slots=True)
class _Action:
    """What was done, and what memory was free before it."""

    at: float
    expected_gb: float
    free_gb: float | None


class Ladder:
    """Steps at every reading of the memory; changes nothing while the machine is calm."""

    def __init__(self, books: Books, moves: Moves, chooser: Chooser) -> None:
        self._books = books
        self._moves = moves
        self._chooser = chooser
        self._level = Level.CALM
        self._last: _Action | None = None
        self._sent: set[Place] = set()
        """Models sent away that are still there: one that stays must not hold up the others."""

    def step(self, at: float) -> None:
        """Say when the level changed, and do what it calls for now."""
        pressure = self._books.machine.pressure
        if pressure.level is not self._level:
            self._changed(pressure.level, pressure.reason)
        if pressure.level is Level.CALM:
            self._calm()
            return
        if pressure.pressing is Level.CALM or self._must_wait(at):
            return
        self._sent.intersection_update(self._books.residents)
        for rung in self._rungs(pressure.pressing):
            expected_gb = rung(at)
            if expected_gb is not None:
                self._last = _Action(at, expected_gb, self._books.machine.free_gb)
                return
        self._sent.clear()  # all had their turn: from the beginning

    def _changed(self, level: Level, reason: str) -> None:
        if level > self._level:
            psi = self._books.machine.sample.psi if self._books.machine.sample else None
            self._moves.say(
                "vram.pressure",
                MESSAGES[level],
                reason=reason,
                full_avg10=None if psi is None else psi.full_avg10,
            )
            if level is Level.CRIT:
                for server in self._books.servers:
                    self._moves.probe(server)
        else:
            self._moves.say("vram.pressure_eased", f"now {level.name}", grave=False)
        self._level = level

    def _calm(self) -> None:
        self._last = None
        self._sent.clear()
        for place, resident in self._books.residents.items():
            if resident.drain == "pressure":
                self._moves.undrain(place)

    def _must_wait(self, at: float) -> bool:
        """Whether the last rung may still show its effect."""
        if self._last is None:
            return False
        passed = at - self._last.at
        if passed >= NO_EFFECT_SECONDS:
            return False
        free = self._books.machine.free_gb
        if free is None or self._last.free_gb is None:
            return True
        back = free - self._last.free_gb
        expected = self._last.expected_gb
        if expected > 0 and back >= EFFECT_SHARE * expected:
            is_short = free < self._books.machine.reserve_gb
            return not is_short and passed < STALL_SECONDS
        return passed < EFFECT_SECONDS or back <= NOTHING_SHARE * expected

    def _rungs(self, level: Level) -> list[Callable[[float], float | None]]:
        rungs: list[Callable[[float], float | None]] = [
            self._stop_speculation,
            lambda at: self._send_idle(Priority.LOW, at),
        ]
        if level is Level.CRIT:
            rungs += [
                lambda at: self._send_idle(Priority.NORMAL, at),
                self._drain_normal,
                self._stop_load,
                lambda at: self._send_idle(Priority.HIGH, at),
            ]
        return rungs

    # ------------------------------------------------------------ rungs: GB to come back, or None

    def _stop_speculation(self, at: float) -> float | None:
        return self._stop(at, speculative_only=True)

    def _stop_load(self, at: float) -> float | None:
        return self._stop(at, speculative_only=False)

    def _stop(self, at: float, *, speculative_only: bool) -> float | None:
        for place, resident in self._books.residents.items():
            if resident.state != "loading" or not self._books.takes_memory(place):
                continue
            if resident.spec.priority is Priority.CRITICAL:
                continue
            if resident.speculative or not speculative_only:
                self._record(place, "the load was given up", at)
                self._remember_need(place, resident)
                if self._books.machine.pressure.pressing is Level.CRIT:
                    self._moves.crashed(place, "it took more memory than this machine has", at)
                self._moves.abort_load(place, at=at)
                return resident.charged_gb
        return None

    def _remember_need(self, place: Place, resident: Resident) -> None:
        """
        Its load made memory short: by what was free before it needs that much at least.

        Never more than could be free for it now: others may have taken a part of it meanwhile, and
        one bad moment must not make a model one that can never fit.
        """
        machine = self._books.machine
        before, free, total = resident.free_before_gb, machine.free_gb, machine.total_gb
        if before is None or free is None or total is None:
            return
        most_gb = min(
            self._books.ceiling_gb(place),
            total - machine.reserve_gb - (machine.external_gb or 0.0),
        )
        taken_gb = min(before - free, most_gb)
        if taken_gb > resident.charged_gb:
            self._books.estimates.learn_size(place, resident.spec, taken_gb)

    def _send_idle(self, priority: Priority, at: float) -> float | None:
        """The idle model of that priority that is least worth its memory."""
        idle = [one for one in self._held(priority) if not one.leased and not one.wanted]
        some = [one for one in idle if one.place not in self._sent]
        if priority is Priority.HIGH:
            some = [one for one in some if self._unused(one.place, at) >= PROTECTED_IDLE_SECONDS]
        if not some:
            return None
        rates = self._chooser.rates(at)

        def worth(one: Held) -> tuple[float, int]:
            return (loss_seconds([one], rates) / max(one.gb, 0.1), one.used_order)

        victim = min(some, key=worth)
        self._record(victim.place, f"it was idle and has priority {priority.name}", at)
        self._sent.add(victim.place)
        self._moves.start_unload(victim.place, at=at)
        return victim.gb

    def _drain_normal(self, at: float) -> float | None:
        """In use: nobody begins with it any more, and it leaves when those who use it are done."""
        some = [one for one in self._held(Priority.NORMAL) if one.leased]
        fresh = [one for one in some if self._books.residents[one.place].state == "ready"]
        if not fresh:
            return None
        victim = min(fresh, key=lambda one: one.used_order)
        self._record(victim.place, "it leaves when its answers are done", at)
        self._moves.drain(victim.place, "pressure")
        return 0.0

    def _held(self, priority: Priority) -> list[Held]:
        books = self._books
        return [
            one
            for domain in books.domains.values()
            if domain.is_machine
            for one in self._chooser.held(domain)
            if one.priority is priority and books.takes_memory(one.place)
        ]

    def _unused(self, place: Place, at: float) -> float:
        resident = self._books.residents[place]
        return at - max(resident.last_used or 0.0, resident.loaded_at or 0.0)

    def _record(self, place: Place, what: str, at: float) -> None:
        pressure = self._books.machine.pressure
        reason = f"{pressure.reason or 'the machine is short of memory'}; {what}"
        self._books.decisions.appendleft(Decision(at, "pressure", "", (place.model,), reason))
        self._moves.say(
            "vram.pressure_victim", f"{pressure.pressing.name}: {what}", model=place.model
        )
