"""Which store `STORE_URL` means."""

from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.settings import StoreSettings
from shared.store import Key, Put, open_store
from shared.store.counting import CountingStore
from shared.store.dynamo import DynamoStore


def _settings(url: str) -> StoreSettings:
    return StoreSettings(store_url=url, _env_file=None)


async def test_a_path_means_sqlite_relative_to_the_working_folder(
    clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_store(
        _settings("sqlite:///data/x.db"), tables=["things"], clock=clock
    ) as store:
        await store.write(Put(Key("things", "a"), {"n": 1}))
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["x.db"]


async def test_dynamodb_is_not_asked_before_it_is_needed(clock: ManualClock) -> None:
    async with open_store(_settings("dynamodb:"), tables=["things"], clock=clock) as store:
        assert isinstance(store, DynamoStore)


async def test_a_table_name_dynamodb_would_refuse_is_refused_everywhere(
    clock: ManualClock, tmp_path: Path
) -> None:
    settings = _settings(f"sqlite:///{tmp_path}/x.db")
    for name in ("ab", "with space", "ü" * 5):
        with pytest.raises(ValueError, match="no name for a table"):
            async with open_store(settings, tables=[name], clock=clock):
                pass


async def test_an_error_inside_passes_unwrapped(clock: ManualClock, tmp_path: Path) -> None:
    settings = _settings(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(KeyError):
        async with open_store(settings, tables=["things"], clock=clock):
            raise KeyError


async def test_a_counting_store_counts_each_kind_of_call(
    clock: ManualClock, tmp_path: Path
) -> None:
    settings = _settings(f"sqlite:///{tmp_path}/x.db")
    async with open_store(settings, tables=["things"], clock=clock) as store:
        counting = CountingStore(store)
        await counting.write(Put(Key("things", "a"), {"n": 1}), Put(Key("things", "b"), {}))
        await counting.add(Key("things", "a"), "n", 1)
        assert await counting.get(Key("things", "a")) == {"n": 2}
        assert len(await counting.query("things", "a")) == 1
        assert counting.count == {"write": 1, "add": 1, "get": 1, "query": 1}
