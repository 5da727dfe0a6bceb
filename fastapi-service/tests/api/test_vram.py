"""The models in memory over HTTP: who may, what is told, what is done."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from brain.api.vram import page_cache
from rehearsal import Fault

MODEL = "rnj-1:8b"
PIN = {"model": MODEL}
OPEN = ("/vram/status", "/vram/health", "/vram/psi")
DOORS: list[tuple[str, str, int]] = [
    ("GET", f"/vram/plan/{MODEL}", 200),
    ("POST", f"/vram/load/{MODEL}", 200),
    ("POST", f"/vram/unload/{MODEL}", 200),
    ("POST", "/vram/optimize", 200),
    ("POST", "/vram/admin/reconcile", 200),
    ("GET", "/vram/admin/crashes", 200),
    ("POST", f"/vram/admin/crashes/{MODEL}", 200),
    ("DELETE", f"/vram/admin/crashes/{MODEL}", 200),
    ("POST", "/vram/servers/ollama/drain", 200),
    ("DELETE", "/vram/servers/ollama/drain", 200),
    ("POST", "/vram/flush-cache", 501),
]
OF_A_MODEL = [(method, path.removesuffix(MODEL)) for method, path, _ in DOORS if MODEL in path]
NAMES = {
    "raw": "hf.co/some-body/Some-Model:Q4_K_M",
    "encoded": "hf.co%2Fsome-body%2FSome-Model%3AQ4_K_M",
}
MEMINFO = "MemTotal: {total} kB\nMemAvailable: {available} kB\n"
PSI = (
    "some avg10={some} avg60=2.00 avg300=1.00 total=2000000\n"
    "full avg10={full} avg60=0.50 avg300=0.25 total=1000000\n"
)


@pytest.fixture(autouse=True)
def _no_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of the machine that runs the tests is left alone."""
    monkeypatch.setattr(page_cache, "DROP_CACHES", tmp_path / "not-there" / "drop_caches")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(10):
        while not await condition():
            await anyio.sleep(0.02)


async def report(http: httpx.AsyncClient, path: str = "/vram/status") -> dict[str, Any]:
    answer = await http.get(path)
    assert answer.status_code == 200
    return dict(answer.json())


async def in_memory(http: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in (await report(http))["loaded_models"]}


def facts(folder: Path, *, total_gb: float, available_gb: float, full: float = 0.0) -> Any:
    """Settings under which the machine has this memory."""
    kib = {"total": round(total_gb * 1e9 / 1024), "available": round(available_gb * 1e9 / 1024)}
    meminfo, pressure = folder / "meminfo", folder / "pressure"
    meminfo.write_text(MEMINFO.format(**kib))
    pressure.write_text(PSI.format(some=full, full=full))
    return {"meminfo_file": meminfo, "pressure_file": pressure, "vram_profile": "conservative"}


async def test_looking_is_open(platform: Any) -> None:
    async with platform.http("") as http:
        for path in OPEN:
            assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door[1])
async def test_deciding_is_for_operators(platform: Any, door: tuple[str, str, int]) -> None:
    method, path, status = door
    bearers = {
        "": 401,
        platform.token("anna"): 403,
        platform.token("ada", role="admin"): status,
    }
    for bearer, expected in bearers.items():
        async with platform.http(bearer) as http:
            assert (await http.request(method, path)).status_code == expected
    async with platform.http() as http:
        assert (await http.request(method, path)).status_code == status


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(("method", "path"), OF_A_MODEL)
async def test_an_unknown_model_is_404_by_its_name(
    platform: Any, method: str, path: str, name: str
) -> None:
    async with platform.http() as http:
        answer = await http.request(method, f"{path}{name}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model.unavailable"
    assert NAMES["raw"] in answer.json()["error"]["message"]


async def test_a_missing_name_is_named(platform: Any) -> None:
    async with platform.http() as http:
        answer = await http.post("/vram/load/")
    assert (answer.status_code, "model" in answer.json()["error"]["message"]) == (422, True)


async def test_a_model_is_loaded_shown_and_unloaded(platform: Any) -> None:
    async with platform.http() as http:
        loaded = (await http.post(f"/vram/load/{MODEL}")).json()
        assert (loaded["model"], loaded["state"]) == (MODEL, "ready")
        there = (await in_memory(http))[MODEL]
        assert there["server"] == "ollama"
        assert (there["priority"], there["leases"], there["measured"]) == ("NORMAL", 0, True)
        assert there["size_gb"] > 0
        assert there["loaded_at"].endswith("Z")
        assert there["idle_seconds"] >= 0
        gone = await http.post(f"/vram/unload/{MODEL.replace(':', '%3A')}")
        assert (gone.status_code, gone.json()["state"]) == (200, "unloading")

        async def left() -> bool:
            return MODEL not in await in_memory(http)

        await until(left)
        again = await http.post(f"/vram/unload/{MODEL}")
        assert (again.status_code, again.json()["state"]) == (200, "absent")


async def test_a_model_in_use_leaves_after_its_answer(start: Any) -> None:
    async with start(speed=5) as platform, platform.person() as client, platform.http() as http:
        await client.hello()
        ask_id = await client.ask("count to 20", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        answer = await http.post(f"/vram/unload/{MODEL}")
        assert (answer.status_code, answer.json()["state"]) == (202, "draining")
        shown = (await in_memory(http))[MODEL]
        assert (shown["state"], shown["leases"], shown["idle_seconds"]) == ("draining", 1, 0)
        assert (await client.end_of(ask_id))["type"] == "done"

        async def left() -> bool:
            return MODEL not in await in_memory(http)

        await until(left)


async def test_a_plan_names_who_would_go_and_does_nothing(start: Any) -> None:
    async with start(vram_profile="conservative") as platform, platform.http() as http:
        await http.post("/vram/load/ministral-3:14b")
        before = await in_memory(http)
        fits = (await http.get("/vram/plan/qwen3-embedding:4b")).json()
        assert (fits["fits"], fits["would_evict"]) == (True, [])
        plan = (await http.get("/vram/plan/gpt-oss:20b")).json()
        assert plan["fits"] is False
        assert [one["model"] for one in plan["would_evict"]] == ["ministral-3:14b"]
        assert plan["would_evict"][0]["reason"]
        assert plan["need_gb"] > plan["free_gb"]
        assert set(await in_memory(http)) == set(before)


async def test_a_swap_is_told_with_its_reason(start: Any) -> None:
    async with start(vram_profile="conservative") as platform, platform.http() as http:
        await http.post("/vram/load/ministral-3:14b")
        await http.post("/vram/load/gpt-oss:20b")
        newest = (await report(http))["decisions"][0]
    assert newest["victims"] == ["ministral-3:14b"]
    assert newest["model"] == "gpt-oss:20b"
    assert newest["reason"]
    assert newest["at"].endswith("Z")


async def test_a_model_that_left_unseen_is_cleaned(platform: Any) -> None:
    async with platform.http() as http:
        await http.post(f"/vram/load/{MODEL}")
        async with httpx.AsyncClient() as outside:
            body = {"model": MODEL, "keep_alive": 0}
            url = next(
                one["url"] for one in (await report(http))["servers"] if one["kind"] == "ollama"
            )
            await outside.post(f"{url}/api/generate", json=body)
        for _ in range(2):  # once is not believed: servers leave models out while they load others
            found = (await http.post("/vram/admin/reconcile")).json()
            if found["cleaned_count"]:
                break
        assert found["cleaned_models"] == [MODEL]
        assert found["cleaned_count"] == 1
        assert set(found) == {
            "registry_count", "backend_count", "cleaned_count", "cleaned_models", "adopted_models",
        }  # fmt: skip
        assert MODEL not in await in_memory(http)


async def test_a_model_that_came_unseen_is_adopted(platform: Any) -> None:
    async with platform.http() as http:
        url = next(one["url"] for one in (await report(http))["servers"] if one["kind"] == "ollama")
        async with httpx.AsyncClient(timeout=20) as outside:
            await outside.post(f"{url}/api/generate", json={"model": MODEL})
        found = (await http.post("/vram/admin/reconcile")).json()
        assert found["adopted_models"] == [MODEL]
        assert MODEL in await in_memory(http)


async def test_a_model_that_crashes_rests_until_an_operator_forgets_it(platform: Any) -> None:
    async with platform.http() as http:
        for _ in range(2):
            platform.rehearsal.faults.add([Fault(kind="oom", model=MODEL, on="load")])
            failed = await http.post(f"/vram/load/{MODEL}")
            assert failed.json()["error"]["code"] == "vram.load_failed"
        told = (await report(http, "/vram/admin/crashes"))["models"][MODEL]
        assert (told["state"], told["crashes"]) == ("open", 2)
        assert told["opened_at"] < told["retry_at"]
        assert told["reason"]
        resting = await http.post(f"/vram/load/{MODEL}")
        assert resting.json()["error"]["code"] == "vram.breaker_open"
        assert (await report(http, "/health"))["status"] == "degraded"
        cleared = (await http.delete(f"/vram/admin/crashes/{MODEL}")).json()
        assert cleared == {"model": MODEL, "cleared": 2}
        assert (await http.post(f"/vram/load/{MODEL}")).status_code == 200


async def test_an_operator_may_shut_a_model_off(platform: Any) -> None:
    async with platform.http() as http:
        await http.post(f"/vram/admin/crashes/{MODEL}")
        refused = await http.post(f"/vram/load/{MODEL}")
        assert refused.json()["error"]["code"] == "vram.breaker_open"
        await http.delete(f"/vram/admin/crashes/{MODEL}")
        assert (await http.post(f"/vram/load/{MODEL}")).status_code == 200


async def test_a_server_is_drained_for_maintenance_and_used_again(platform: Any) -> None:
    async with platform.http() as http:
        await http.post(f"/vram/load/{MODEL}")
        assert (await http.post("/vram/servers/ollama/drain")).json()["draining"] is True

        async def empty() -> bool:
            told = await report(http)
            draining = {one["name"]: one["draining"] for one in told["servers"]}["ollama"]
            return bool(draining and not told["loaded_models"])

        await until(empty)
        await http.delete("/vram/servers/ollama/drain")
        assert (await http.post(f"/vram/load/{MODEL}")).status_code == 200
        assert (await http.post("/vram/servers/none/drain")).status_code == 404


async def test_without_crashes_there_is_nothing_to_forget(platform: Any) -> None:
    async with platform.http() as http:
        empty = await report(http, "/vram/admin/crashes")
        assert empty == {
            "enabled": True,
            "threshold": 2,
            "window_seconds": 300.0,
            "buffer_gb": 20.0,
            "models": {},
        }
        answer = await http.delete(f"/vram/admin/crashes/{MODEL}")
        assert answer.json() == {"model": MODEL, "cleared": 0}


async def test_the_status_tells_the_facts_of_the_machine(start: Any, tmp_path: Path) -> None:
    settings = facts(tmp_path, total_gb=128, available_gb=32, full=3.4)
    async with start(**settings) as platform, platform.http("") as http:
        told = await report(http)
        assert told["profile"] == "conservative"
        assert told["orchestrator_enabled"] is True
        assert told["limits"] == {"soft_gb": 12.0, "hard_gb": 14.0}
        memory = told["memory"]
        assert (memory["total_gb"], memory["used_gb"], memory["available_gb"]) == (128, 96, 32)
        assert (memory["usage_pct"], memory["psi_full_avg10"]) == (75.0, 3.4)
        psi = await report(http, "/vram/psi")
        assert (psi["available"], psi["full_avg10"], psi["some_avg60"]) == (True, 3.4, 2.0)
        health = await report(http, "/health")
        assert health["vram"] | {"loaded_models": []} == {
            "healthy": True,
            "usage_pct": 75.0,
            "available_gb": 32.0,
            "psi_full_avg10": 3.4,
            "loaded_models": [],
        }
        assert health["status"] == "healthy"
        assert await report(http, "/vram/health") == {"status": "healthy", "reasons": []}


async def test_full_memory_is_degraded_and_said(start: Any, tmp_path: Path) -> None:
    settings = facts(tmp_path, total_gb=200, available_gb=7) | {"vram_reserve_gb": 1}
    async with start(**settings) as platform, platform.http("") as http:
        assert (await report(http, "/health"))["status"] == "degraded"
        health = await report(http, "/vram/health")
        assert health["status"] == "unhealthy"
        assert health["reasons"][0].startswith("96.5 % of the memory is used, 7.0 GB")


async def test_unknown_facts_are_null_and_degraded(start: Any, tmp_path: Path) -> None:
    gone = {"meminfo_file": tmp_path / "none", "pressure_file": tmp_path / "none either"}
    async with start(vram_profile="conservative", **gone) as platform, platform.http("") as http:
        memory = (await report(http))["memory"]
        for name in ("total_gb", "used_gb", "available_gb", "usage_pct", "psi_full_avg10"):
            assert memory[name] is None
        assert "cannot be read" in memory["problem"]
        psi = await report(http, "/vram/psi")
        assert (psi["available"], psi["full_avg10"]) == (False, None)
        health = await report(http, "/health")
        assert (health["status"], health["vram"]["healthy"]) == ("degraded", False)
        reasons = (await report(http, "/vram/health"))["reasons"]
        assert any("not known" in reason for reason in reasons)


async def test_flushing_says_why_it_cannot(platform: Any) -> None:
    async with platform.http() as http:
        answer = await http.post("/vram/flush-cache")
    assert answer.status_code == 501
    assert "drop_caches is not writable" in answer.json()["error"]["message"]


async def test_flushing_tells_the_kernel(
    platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = tmp_path / "drop_caches"
    monkeypatch.setattr(page_cache, "DROP_CACHES", switch)
    async with platform.http() as http:
        answer = await http.post("/vram/flush-cache")
    assert (answer.status_code, answer.json()["flushed"]) == (200, True)
    assert switch.read_text() == "1\n"


async def test_optimizing_says_what_it_freed(platform: Any) -> None:
    async with platform.http() as http:
        answer = (await http.post("/vram/optimize")).json()
    assert answer["freed_gb"] == sum(one["size_gb"] for one in answer["unloaded"])


async def test_the_timeline_shows_use_pressure_and_what_came_and_why(platform: Any) -> None:
    brain = platform.brain
    brain.timeline.note()
    async with platform.http() as operator, platform.http("") as nobody:
        await operator.post("/vram/load/rnj-1:8b")
        brain.timeline.note()
        told = (await nobody.get("/vram/timeline?minutes=5")).json()
        wrong = await nobody.get("/vram/timeline?minutes=361")
    assert told["samples"]
    sample = told["samples"][-1]
    assert sample["used_gb"] > 0
    assert {"at", "available_gb", "psi_some_avg10", "psi_full_avg10", "models"} < set(sample)
    [event] = told["events"]
    assert (event["event"], event["model"]) == ("loaded", "rnj-1:8b")
    assert event["why"]
    assert event["at"].endswith("Z")
    assert wrong.status_code == 422
