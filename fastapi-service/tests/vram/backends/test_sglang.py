"""What SGLang punishes with the death of its engine is never done to it."""

import aiohttp
import anyio
import pytest

from brain.vram.backends.sglang import SglangBackend
from brain.vram.errors import BackendUnreachable, LoadFailed
from rehearsal import Fault

from .conftest import MEMORY_GB, MODEL, SPEC, Opened, Setting


async def until_woken(setting: Setting) -> None:
    with anyio.fail_after(5):
        while True:
            try:
                await setting.backend.load(SPEC)
            except BackendUnreachable:
                await anyio.sleep(0.005)  # it is still starting
            else:
                return


@pytest.mark.parametrize("copy", [False, True])
async def test_a_server_that_died_on_waking_is_not_resumed_again(
    opened: Opened, copy: bool
) -> None:
    async with opened("sglang", unified=False, weights_copy=copy) as setting:
        await setting.backend.park(MODEL)
        setting.stage.faults.add([Fault(kind="die", on="load", down_seconds=0.0)])
        with pytest.raises(LoadFailed, match="broke off"):
            await setting.backend.load(SPEC)
        await until_woken(setting)
        assert setting.happened("woken") == (0 if copy else 1), "never again after it died"
        assert (await setting.backend.look()).loaded == {MODEL: MEMORY_GB}


async def test_a_resume_whose_weights_could_not_be_read_is_tried_again(opened: Opened) -> None:
    async with opened("sglang") as setting:
        await setting.backend.park(MODEL)
        setting.stage.faults.add([Fault(kind="oom", on="load")])
        with pytest.raises(LoadFailed, match="out of memory"):
            await setting.backend.load(SPEC)
        assert (await setting.backend.look()).parked == {MODEL: MEMORY_GB}, "resumed, but blank"
        await setting.backend.load(SPEC)
        assert (await setting.ask()).startswith(f"I am {MODEL}")


async def test_a_copy_of_the_weights_is_worth_nothing_in_shared_memory(opened: Opened) -> None:
    async with opened("sglang", unified=True, weights_copy=True) as setting:
        await setting.backend.look()
        assert not setting.backend.sleeps
        assert "same memory" in setting.backend.unloads_reason


async def test_a_copy_of_the_weights_saves_reading_them(opened: Opened) -> None:
    async with opened("sglang", unified=False, weights_copy=True) as setting:
        await setting.backend.park(MODEL)
        await setting.backend.load(SPEC)
        assert (await setting.ask()).startswith(f"I am {MODEL}")


async def test_what_another_brain_released_is_taken_to_be_awake(opened: Opened) -> None:
    async with opened("sglang") as setting:
        await setting.backend.park(MODEL)
        assert (await SglangBackend(setting.url).look()).parked == {}


async def test_a_server_that_was_restarted_while_it_slept_is_awake(opened: Opened) -> None:
    async with opened("sglang") as setting, aiohttp.ClientSession() as http:
        await setting.backend.park(MODEL)
        with pytest.raises(aiohttp.ClientError):
            await http.post(f"{setting.url}/rehearsal/kill", json={"down_seconds": 10})
        with pytest.raises(BackendUnreachable):
            await setting.backend.look()
        await until_woken(setting)
        assert setting.happened("woken") == 0
