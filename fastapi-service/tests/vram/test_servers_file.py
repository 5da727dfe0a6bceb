"""MODEL_SERVERS_FILE: both forms, every mistake named, and changes noticed while running."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from brain.vram.backends.kinds import backend_for
from brain.vram.backends.lmstudio import LMStudioBackend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.backends.sglang import SglangBackend
from brain.vram.backends.tensorrt import TensorRTBackend
from brain.vram.backends.vllm import VllmBackend
from brain.vram.servers_file import (
    POLL_SECONDS,
    ServerEntry,
    ServersFile,
    ServersFileError,
    parse_servers,
)
from shared.clock import ManualClock

BOX = {"name": "box", "kind": "vllm", "url": "http://box:8000/", "memory_gb": 84}


def parse(*rows: Any) -> tuple[ServerEntry, ...]:
    return parse_servers(json.dumps(rows), origin="servers.json")


def mistake(*rows: Any) -> str:
    with pytest.raises(ServersFileError) as refusal:
        parse(*rows)
    return str(refusal.value)


def test_an_entry_is_read_as_it_stands() -> None:
    (entry,) = parse({**BOX, "slots": 8, "parallel": 4, "disk_gb_per_second": 6.5})
    assert entry == ServerEntry(
        name="box", kind="vllm", url="http://box:8000", memory_gb=84.0, slots=8, parallel=4,
        disk_gb_per_second=6.5,
    )  # fmt: skip


def test_the_list_of_an_lm_studio_cluster_is_understood() -> None:
    (entry,) = parse(
        {
            "ip": "192.168.1.20", "enabled": False, "name": "mac", "maxMemory": 64,
            "preferredModels": ["gemma-3-27b"], "supportedFormats": ["gguf", "mlx"],
        }
    )  # fmt: skip
    assert (entry.kind, entry.url) == ("lmstudio", "http://192.168.1.20:1234")
    assert (entry.memory_gb, entry.enabled) == (64.0, False)
    assert entry.prefers("gemma-3-27b")
    assert not entry.prefers("llama-70b")


def test_a_star_prefers_any_model() -> None:
    (entry,) = parse({"ip": "::1", "name": "mac", "preferredModels": ["*"]})
    assert entry.prefers("whatever")
    assert entry.url == "http://[::1]:1234"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"kind": "vllm", "url": "http://a"}, "server 1, field name: field required"),
        ({**BOX, "kind": "persistent_storage"}, "server 1 (box), field kind: input should be"),
        ({"name": "a", "url": "http://a"}, "field kind: one of ollama, sglang"),
        ({**BOX, "kind": "llamacpp"}, "list it as openai"),
        ({**BOX, "url": "box:8000"}, "field url: must be an address like http://host:port"),
        ({**BOX, "url": "ftp://box"}, "field url"),
        ({"name": "a", "kind": "vllm"}, "field url: either url or ip"),
        ({**BOX, "ip": "10.0.0.1"}, "field url: either url or ip"),
        ({**BOX, "memory_gb": "much"}, "field memory_gb"),
        ({**BOX, "memory_gb": 0}, "field memory_gb"),
        ({**BOX, "slots": 0}, "field slots: input should be greater than or equal to 1"),
        ({**BOX, "enabled": "yes"}, "field enabled"),
        ({**BOX, "port": 70000}, "field port"),
        ({**BOX, "colour": "red"}, "field colour: extra inputs are not permitted"),
        (17, "server 1, input should be"),
    ],
)
def test_a_mistake_names_entry_and_field(row: Any, words: str) -> None:
    assert words in mistake(row)


def test_every_mistake_is_told_at_once() -> None:
    said = mistake({**BOX, "slots": 0}, BOX, {**BOX, "url": "nowhere"}, BOX)
    assert "server 1 (box), field slots" in said
    assert "server 3 (box), field url" in said
    assert "the name box stands there 2 times" in said


@pytest.mark.parametrize(
    ("text", "words"), [("{", "not valid JSON"), ("{}", "must be a JSON list")]
)
def test_what_is_no_list_is_refused(text: str, words: str) -> None:
    with pytest.raises(ServersFileError, match=words):
        parse_servers(text, origin="servers.json")


def test_a_key_is_not_shown() -> None:
    (entry,) = parse({**BOX, "kind": "tensorrt", "control_key": "hush-hush"})
    assert entry.control_key == "hush-hush"
    assert "hush" not in repr(entry)


@pytest.mark.parametrize(
    "url",
    ["http://user:hush@box:8000", "http://hush@box", "http://box/v1?key=hush", "http://box#hush",
     "http://user:hu/sh@box"],
)  # fmt: skip
def test_an_address_with_a_password_or_a_key_is_refused_and_not_repeated(url: str) -> None:
    said = mistake({**BOX, "url": url})
    assert "server 1 (box), field url: must be an address like http://host:port" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("kind", "backend_class"),
    [
        ("ollama", OllamaBackend), ("lmstudio", LMStudioBackend), ("vllm", VllmBackend),
        ("sglang", SglangBackend), ("tensorrt", TensorRTBackend), ("openai", OpenAIBackend),
    ],
)  # fmt: skip
async def test_each_kind_has_its_backend(kind: str, backend_class: type) -> None:
    (entry,) = parse({**BOX, "kind": kind})
    backend = backend_for(entry, unified=True)
    assert (backend.name, backend.url) == ("box", "http://box:8000")
    assert type(backend) is backend_class
    await backend.aclose()


class Desk:
    """A servers file, a clock, and somebody who watches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.file = ServersFile(path, clock=self.clock)
        self._writes = 0

    def write(self, text: str) -> None:
        self.path.write_text(text)
        self._writes += 1
        os.utime(self.path, (self._writes, self._writes))  # two writes may share one tick

    async def next(self, changes: AsyncIterator[tuple[ServerEntry, ...]]) -> list[str]:
        """The names of the next change."""
        names: list[str] = []

        async def wait() -> None:
            names.extend(entry.name for entry in await anext(changes))

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                while not names:
                    await self.pass_time()
        return names

    async def pass_time(self) -> None:
        await anyio.wait_all_tasks_blocked()
        await self.clock.advance(POLL_SECONDS)
        await anyio.sleep(0.005)  # the file is read in a thread


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "servers.json")


async def test_a_change_is_seen_without_a_restart(desk: Desk) -> None:
    desk.write(json.dumps([BOX]))
    assert [entry.name for entry in await desk.file.read()] == ["box"]
    async with aclosing(desk.file.watch()) as changes:
        desk.write(json.dumps([BOX, {**BOX, "name": "second"}]))
        assert await desk.next(changes) == ["box", "second"]


async def test_a_broken_file_changes_nothing_and_says_so(desk: Desk) -> None:
    desk.write(json.dumps([BOX]))
    await desk.file.read()
    async with aclosing(desk.file.watch()) as changes:
        seen: list[tuple[ServerEntry, ...]] = []

        async def watch() -> None:
            async for change in changes:
                seen.append(change)  # noqa: PERF401 - there is no end

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            desk.write("[{")
            await desk.pass_time()
            assert (seen, "not valid JSON" in desk.file.problem) == ([], True)
            desk.path.unlink()
            await desk.pass_time()
            assert (seen, "cannot be read" in desk.file.problem) == ([], True)
            desk.write(json.dumps([BOX]))
            await desk.pass_time()
            assert ([len(change) for change in seen], desk.file.problem) == ([1], "")
            await desk.pass_time()
            assert len(seen) == 1, "an unchanged file is no news"
            tasks.cancel_scope.cancel()


async def test_a_file_that_is_not_there_is_a_sentence(desk: Desk) -> None:
    with pytest.raises(ServersFileError, match="cannot be read: No such file"):
        await desk.file.read()
