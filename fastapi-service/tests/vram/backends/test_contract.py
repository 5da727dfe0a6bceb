"""What the orchestrator may rely on, whichever server it is."""

from dataclasses import replace

import aiohttp
import anyio
import pytest

from brain.vram.errors import BackendUnreachable, LoadFailed, ModelUnavailable
from rehearsal import Fault

from .conftest import MEMORY_GB, MODEL, SPEC, Opened, backend_of, saying

LOADING = ("ollama", "lmstudio")
SLEEPING = ("vllm", "sglang", "tensorrt")
FIXED = ("openai",)
REMOTE = (*LOADING, *SLEEPING, *FIXED)
EVERY = (*REMOTE, "llamacpp")
every = pytest.mark.parametrize("kind", EVERY)
remote = pytest.mark.parametrize("kind", REMOTE)
loading = pytest.mark.parametrize("kind", [*LOADING, "llamacpp"])
rehearsed_loading = pytest.mark.parametrize("kind", LOADING)
sleeping = pytest.mark.parametrize("kind", SLEEPING)
SOON_SECONDS = 0.15


@every
async def test_a_look_shows_the_model_and_what_can_be_done_with_it(
    kind: str, opened: Opened
) -> None:
    async with opened(kind) as setting:
        inventory = await setting.backend.look()
        assert MODEL in inventory.installed
        assert inventory.rehearsal == (kind != "llamacpp")
        assert not inventory.parked
        loads, sleeps = setting.backend.loads, setting.backend.sleeps
        assert (loads, sleeps) == (kind in (*LOADING, "llamacpp"), kind in SLEEPING)
        assert bool(setting.backend.unloads_reason) == (not loads and not sleeps)
        assert inventory.loaded == ({} if loads else {MODEL: MEMORY_GB})


@every
async def test_a_model_that_is_not_there_is_unavailable(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        with pytest.raises(ModelUnavailable):
            await setting.backend.load(replace(SPEC, name="nobody:7b"))


@loading
async def test_a_load_brings_a_model_into_memory_and_an_unload_out_of_it(
    kind: str, opened: Opened
) -> None:
    async with opened(kind) as setting:
        await setting.backend.load(SPEC)
        assert set((await setting.backend.look()).loaded) == {MODEL}
        await setting.backend.unload(MODEL)
        assert not (await setting.backend.look()).loaded


@loading
async def test_a_load_of_what_is_there_makes_no_second_one(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        await setting.backend.load(SPEC)
        before = (await setting.backend.look()).loaded
        await setting.backend.load(SPEC)
        assert (await setting.backend.look()).loaded == before
        if kind != "llamacpp":
            assert setting.happened("loaded") == 1


@loading
async def test_an_unload_of_what_is_not_there_is_done_already(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        await setting.backend.unload(MODEL)
        await setting.backend.unload("nobody:7b")


@loading
async def test_what_unloads_does_not_sleep(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        with pytest.raises(LoadFailed, match="unload"):
            await setting.backend.park(MODEL)


@rehearsed_loading
async def test_a_failed_load_says_what_the_server_said(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        setting.stage.faults.add([Fault(kind="error", on="load", message="the file is torn.")])
        with pytest.raises(LoadFailed, match=r"could not be loaded: the file is torn\."):
            await setting.backend.load(SPEC)
        assert not (await setting.backend.look()).loaded


@rehearsed_loading
async def test_an_unload_that_fails_says_why(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        await setting.backend.load(SPEC)
        setting.stage.faults.add([Fault(kind="error", on="unload", message="not now")])
        with pytest.raises(LoadFailed, match="not now"):
            await setting.backend.unload(MODEL)
        assert set((await setting.backend.look()).loaded) == {MODEL}


@pytest.mark.parametrize("fault", ["ignore", "hang"])
@rehearsed_loading
async def test_an_unload_without_effect_is_never_taken_for_done(
    kind: str, fault: str, opened: Opened
) -> None:
    async with opened(kind) as setting:
        await setting.backend.load(SPEC)
        setting.stage.faults.add([Fault.model_validate({"kind": fault, "on": "unload"})])
        with anyio.move_on_after(SOON_SECONDS) as waiting:
            await setting.backend.unload(MODEL)
        assert waiting.cancelled_caught
        assert set((await setting.backend.look()).loaded) == {MODEL}


@pytest.mark.parametrize("kind", [*SLEEPING, *FIXED])
async def test_a_fixed_model_is_never_unloaded(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        with pytest.raises(LoadFailed):
            await setting.backend.unload(MODEL)
        assert (await setting.backend.look()).loaded == {MODEL: MEMORY_GB}


@sleeping
async def test_a_parked_model_frees_most_of_its_memory_and_answers_after_it_woke(
    kind: str, opened: Opened
) -> None:
    async with opened(kind) as setting:
        await setting.backend.park(MODEL)
        asleep = await setting.backend.look()
        assert not asleep.loaded
        assert 0 < asleep.parked[MODEL] < MEMORY_GB / 2
        await setting.backend.load(SPEC)
        awake = await setting.backend.look()
        assert (awake.loaded, awake.parked) == ({MODEL: MEMORY_GB}, {})
        assert (await setting.ask()).startswith(f"I am {MODEL}")


@sleeping
async def test_parking_and_waking_twice_changes_nothing(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        await setting.backend.load(SPEC)
        await setting.backend.park(MODEL)
        await setting.backend.park(MODEL)
        await setting.backend.load(SPEC)
        await setting.backend.load(SPEC)
        assert (await setting.ask()).startswith(f"I am {MODEL}")
        assert setting.happened("woken") == 1


@sleeping
async def test_a_server_started_without_sleep_says_how_to_start_it(
    kind: str, opened: Opened
) -> None:
    async with opened(kind, can_sleep=False) as setting:
        assert MODEL in (await setting.backend.look()).installed
        assert not setting.backend.sleeps
        assert "started without" in setting.backend.unloads_reason
        with pytest.raises(LoadFailed, match="started without"):
            await setting.backend.park(MODEL)


@sleeping
async def test_an_answer_that_is_being_written_is_not_cut_off_by_a_park(
    kind: str, opened: Opened
) -> None:
    async with opened(kind) as setting:
        await setting.backend.look()
        async with anyio.create_task_group() as tasks:
            said: list[str] = []

            async def ask() -> None:
                said.append(await setting.ask())

            tasks.start_soon(ask)
            while not setting.stage.record.active:
                await anyio.sleep(0.001)
            try:
                await setting.backend.park(MODEL)
            except LoadFailed:
                assert kind == "sglang"
            tasks.start_soon(setting.backend.load, SPEC)
        assert said[0].endswith("was asked._")


@sleeping
async def test_a_park_that_fails_leaves_the_model_awake(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        setting.stage.faults.add([Fault(kind="error", on="unload", message="workers disagree")])
        with pytest.raises(LoadFailed, match="workers disagree"):
            await setting.backend.park(MODEL)
        assert (await setting.backend.look()).loaded == {MODEL: MEMORY_GB}


@sleeping
async def test_a_wake_that_fails_leaves_the_model_parked(kind: str, opened: Opened) -> None:
    async with opened(kind) as setting:
        await setting.backend.park(MODEL)
        setting.stage.faults.add([Fault(kind="oom", on="load")])
        with pytest.raises(LoadFailed, match="out of memory"):
            await setting.backend.load(SPEC)
        assert set((await setting.backend.look()).parked) == {MODEL}


@pytest.mark.parametrize("kind", [*LOADING, *SLEEPING])
async def test_a_server_that_dies_during_a_load_or_a_wake_failed_it(
    kind: str, opened: Opened
) -> None:
    async with opened(kind) as setting:
        if kind in SLEEPING:
            await setting.backend.park(MODEL)
        setting.stage.faults.add([Fault(kind="die", on="load", down_seconds=20.0)])
        with pytest.raises(LoadFailed, match="broke off"):
            await setting.backend.load(SPEC)
        with pytest.raises(BackendUnreachable, match="nothing answers there"):
            await setting.backend.look()
        await _until_back(setting.url)
        inventory = await setting.backend.look()
        assert not inventory.parked
        assert inventory.loaded == ({MODEL: MEMORY_GB} if kind in SLEEPING else {})


@remote
async def test_nobody_there_is_unreachable_whatever_is_wanted(kind: str) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
    backend = backend_of(kind, f"http://127.0.0.1:{port}", unified=False)
    with pytest.raises(BackendUnreachable, match="nothing answers there"):
        await backend.look()
    with pytest.raises(BackendUnreachable):
        await backend.load(SPEC)
    await backend.aclose()


@pytest.mark.parametrize(
    "body",
    [
        "<html>Welcome</html>", "[]", "null", "17", '{"data": 1}', '{"models": [{"key": 7}]}',
        '{"data": [{"id": "a"}], "models": [{"key": "a"}], "is_sleeping": "maybe"}', "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [*LOADING, "vllm", "tensorrt", "openai"])
async def test_garbage_is_a_sentence(kind: str, body: str) -> None:
    if kind == "openai" and '"a"' in body:
        return  # that one is a list of models to it
    async with saying(body) as url:
        backend = backend_of(kind, url, unified=False)
        with pytest.raises(BackendUnreachable) as refusal:
            await backend.look()
        await backend.aclose()
    assert refusal.value.message.endswith(".")
    assert "Error" not in refusal.value.reason


@remote
async def test_a_broken_server_is_named_by_its_status(kind: str) -> None:
    async with saying("<html>Bad Gateway</html>", status=502) as url:
        backend = backend_of(kind, url, unified=False)
        with pytest.raises(BackendUnreachable, match="status 502"):
            await backend.look()
        await backend.aclose()


async def _until_back(url: str) -> None:
    with anyio.fail_after(5):
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(f"{url}/health/live"):
                        return
                except aiohttp.ClientError:
                    await anyio.sleep(0.005)
