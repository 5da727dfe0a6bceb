from pathlib import Path

import pytest

from admin.config import Settings


def settings(tmp_path: Path, text: str = "") -> Settings:
    (tmp_path / ".env").write_text(text)
    return Settings(_env_file=tmp_path / ".env")


def test_unset_addresses_follow_the_ports(tmp_path: Path) -> None:
    found = settings(tmp_path, "BRAIN_PORT=9001\nAUTH_PORT=9002\n")
    assert found.brain_address == "http://127.0.0.1:9001"
    assert found.auth_address == "http://127.0.0.1:9002"


def test_a_set_address_wins_and_loses_its_slash(tmp_path: Path) -> None:
    found = settings(tmp_path, "BRAIN_PORT=9001\nBRAIN_URL=http://box:1/\n")
    assert found.brain_address == "http://box:1"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", False),
        ("OLLAMA_HOST=\n", False),
        ("OLLAMA_HOST=http://127.0.0.1:11434\n", True),
        ("SGLANG_ENDPOINT=http://127.0.0.1:30000\n", True),
    ],
)
def test_a_model_server_is_named_only_by_a_value(tmp_path: Path, text: str, named: bool) -> None:
    assert settings(tmp_path, text).names_model_server is named
