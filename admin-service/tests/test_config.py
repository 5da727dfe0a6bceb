from pathlib import Path

import pytest
from pydantic import ValidationError

from admin.config import Settings
from shared.settings import explain


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


@pytest.mark.parametrize("name", ["BRAIN_URL", "AUTH_URL", "OLLAMA_HOST", "SGLANG_ENDPOINT"])
def test_nonsense_for_an_address_is_a_sentence_with_an_example(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(tmp_path, f"{name}=ftp://?\n")
    said = explain(refusal.value)
    assert said == f"Cannot start: {name} must be an address like http://host:port."


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("BRAIN_PORT=9001\nAUTH_PORT=9001\n", "BRAIN_PORT and AUTH_PORT are both 9001"),
        ("BRAIN_PORT=8002\n", "BRAIN_PORT and AUTH_PORT are both 8002"),
        ("AUTH_PORT=11501\n", "AUTH_PORT and REHEARSAL_OPENAI_PORT are both 11501"),
    ],
)
def test_a_port_given_twice_names_both_variables(tmp_path: Path, text: str, both: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(tmp_path, text)
    assert explain(refusal.value).startswith(f"Cannot start: {both}; ")
