"""What an operator may set about memory, as the core wants it."""

from dataclasses import dataclass

from brain.vram.policies.choice import PolicyName


@dataclass(frozen=True, slots=True, kw_only=True)
class VramOptions:
    """Limits and habits. Memory is GB of 10^9 bytes, times are seconds."""

    soft_gb: float
    """Where models are taken back to when nothing is going on; never a second hard limit."""

    hard_gb: float
    """What models of one memory may take together."""

    reserve_gb: float | None = None
    """Memory of the machine that no load may touch; None: 5 % of it, 2 GB at least."""

    psi_warning: float = 10.0
    psi_critical: float = 15.0
    """Per cent of the last 10 s in which everything stood still for want of memory."""

    breaker_enabled: bool = True
    crash_threshold: int = 2
    crash_window_seconds: float = 300.0
    breaker_buffer_gb: float = 20.0
    conservative: bool = False
    """A model leaves memory after each request."""

    orchestrator_enabled: bool = True
    """Without it models are loaded when they are asked for, and the server decides the rest."""

    policy: PolicyName = "planner"
    keep_alive_seconds: float | None = None
    """A model that nobody used for so long leaves; None: it stays, 0: it leaves at once."""

    max_overtakes: int = 8
    """How many later callers may use memory that an earlier one waits for."""

    rehearsal_takes_memory: bool = False
    """Scripted models count as taking the memory that they say they take."""
