"""How the memory of models is judged, from the orchestrator's state alone."""

from dataclasses import replace

import pytest

from brain.api.vram.condition import condition, findings, hinders
from brain.api.vram.told import memory_told, status_told, usage_pct
from brain.catalogue.models import Priority
from brain.config import Settings
from brain.vram.breaker import BreakerStatus
from brain.vram.errors import BackendUnreachable
from brain.vram.memory.sample import MemorySample, Psi
from brain.vram.pressure import Level
from brain.vram.status import LoadedModel, ServerStatus, Status

PSI = Psi(0, 0, 0, 0, 0, 0)
ROOMY = MemorySample(at=0, total_gb=100, available_gb=50, psi=PSI, kind="unified")
SERVER = ServerStatus(
    name="ollama", kind="ollama", url="http://127.0.0.1:1", up=True, problem="", rehearsal=False,
    models=(), domain="machine", draining=False, silent=0,
)  # fmt: skip
WELL = Status(
    soft_gb=80, hard_gb=90, used_gb=0, memories=(), loaded=(), loading=(), waiting=(),
    servers=(SERVER,), enabled=True, memory=ROOMY, reserve_gb=5, external_gb=0,
    level=Level.CALM, level_since=0, level_reason="", breaker=(), decisions=(),
)  # fmt: skip
DOWN = replace(SERVER, name="sglang", up=False, problem="connection refused")
OPEN = BreakerStatus("bad:1b", "open", 2, 0, 30, "it died")
STUCK = LoadedModel(
    name="old:1b", server="ollama", backend="ollama", state="stuck", size_gb=1, measured=True,
    priority=Priority.NORMAL, leases=0, loaded_at=0, last_used=0, use_count=1, estimate_gb=1,
    peak_gb=1, context_tokens=8192,
)  # fmt: skip
STALLED = replace(ROOMY, psi=replace(PSI, full_avg10=11.0))
SHORT = {"level_reason": "everything stood still for 20 % of the last 10 s"}


@pytest.mark.parametrize(
    ("change", "expected", "brain_degraded", "said"),
    [
        ({}, "healthy", False, ""),
        ({"memory": replace(ROOMY, available_gb=10.1)}, "healthy", False, ""),
        ({"memory": replace(ROOMY, available_gb=9)}, "degraded", False, "91 % of the memory"),
        ({"memory": replace(ROOMY, available_gb=5)}, "degraded", False, "95 % of the memory"),
        ({"memory": replace(ROOMY, available_gb=4)}, "unhealthy", True, "4.0 GB are available"),
        ({"memory": None}, "degraded", True, "MEMINFO_FILE names the file"),
        ({"memory": MemorySample(at=0, problem="x cannot be read")}, "degraded", True, "x cannot"),
        ({"memory": replace(ROOMY, psi=None)}, "degraded", False, "does not tell its memory press"),
        ({"memory": STALLED}, "degraded", False, "for 11 % of the last 10 s"),
        ({"level": Level.WARN, **SHORT}, "degraded", False, "Memory pressure: everything stood"),
        ({"level": Level.CRIT, **SHORT}, "unhealthy", True, "Memory pressure: everything stood"),
        ({"servers": (SERVER, DOWN)}, "degraded", True, "sglang does not answer: connection re"),
        ({"servers": (DOWN,)}, "unhealthy", True, "No model server answers."),
        ({"servers": ()}, "unhealthy", True, "No model server answers."),
        ({"breaker": (OPEN,)}, "degraded", True, "bad:1b crashed 2 times and is tried again later"),
        ({"breaker": (replace(OPEN, state="closed"),)}, "healthy", False, ""),
        ({"problems": ("two is not used.",)}, "degraded", False, "two is not used."),
        ({"loaded": (STUCK,)}, "degraded", True, "old:1b does not leave the memory"),
    ],
)
def test_what_is_not_well_is_weighed_and_said(
    change: dict[str, object], expected: str, brain_degraded: bool, said: str
) -> None:
    found = findings(replace(WELL, **change), psi_warning=10.0)  # type: ignore[arg-type]  # a table
    assert condition(found) == expected
    assert hinders(found) is brain_degraded
    assert said in " ".join(one.sentence for one in found)
    assert bool(found) is bool(said)


def test_the_worst_comes_first() -> None:
    bad = replace(WELL, memory=replace(ROOMY, psi=None), servers=(DOWN,), breaker=(OPEN,))
    weights = [one.weight for one in findings(bad, psi_warning=10.0)]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) == 4


def test_an_accelerator_with_memory_of_its_own_is_what_counts() -> None:
    sample = replace(ROOMY, kind="discrete", gpu_total_gb=24.0, gpu_free_gb=6.0)
    assert usage_pct(sample) == 75.0
    told = memory_told(sample)
    assert (told["total_gb"], told["used_gb"], told["available_gb"]) == (24.0, 18.0, 6.0)


def test_nothing_is_invented_before_the_first_reading() -> None:
    told = memory_told(None)
    unknown = {name for name, value in told.items() if value is None}
    assert unknown == {
        "total_gb", "used_gb", "available_gb", "usage_pct", "psi_some_avg10", "psi_full_avg10",
        "read_at",
    }  # fmt: skip


def test_of_a_servers_address_only_scheme_host_and_port_are_shown() -> None:
    server = replace(SERVER, url="http://box:8000/hush/v1")
    settings = Settings(_env_file=None, jwt_secret_key="j9" * 20, service_token="s7" * 20)
    told = status_told(replace(WELL, servers=(server,)), profile="x", settings=settings, now=0)
    assert [one["url"] for one in told["servers"]] == ["http://box:8000"]
    assert "hush" not in BackendUnreachable(server.url, "nothing answers there").message
