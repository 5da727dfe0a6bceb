"""What is started on which machine."""

from pathlib import Path
from typing import Any

import pytest

from admin.config import Settings
from admin.containers.plan import WEIGHTS, Machine, Plan, from_inside, make_plan
from admin.containers.up import published

ROOT = Path("/srv/trollama")
SMALL = Machine(memory_gb=32, gpu_in_containers=False, weights_missing=WEIGHTS, ollama_answers=True)
BIG = Machine(memory_gb=128, gpu_in_containers=True, weights_missing=(), ollama_answers=True)
EMPTY = Machine(memory_gb=8, gpu_in_containers=False, weights_missing=WEIGHTS, ollama_answers=False)


def plan(machine: Machine, *, rehearsal: bool = False, **settings: Any) -> Plan:
    return make_plan(Settings(_env_file=None, **settings), machine, root=ROOT, rehearsal=rehearsal)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("http://127.0.0.1:11434", "http://host.docker.internal:11434"),
        ("http://localhost:8080/x", "http://host.docker.internal:8080/x"),
        ("http://[::1]:11434", "http://host.docker.internal:11434"),
        ("http://box.lan:11434", "http://box.lan:11434"),
        ("http://sglang-server:30000", "http://sglang-server:30000"),
    ],
)
def test_what_is_at_loopback_is_the_containers_host(url: str, inside: str) -> None:
    assert from_inside(url) == inside


def test_an_ollama_on_this_machine_is_used() -> None:
    found = plan(SMALL)
    assert not found.rehearsal
    assert found.profiles == ()
    assert found.environment == {"OLLAMA_HOST": "http://host.docker.internal:11434"}


def test_where_no_model_server_answers_and_none_is_named_models_are_rehearsed() -> None:
    found = plan(EMPTY)
    assert found.rehearsal
    assert found.profiles == ("rehearsal",)
    assert found.environment["OLLAMA_HOST"] == "http://rehearsal:11500"
    assert found.environment["DISCORD_API_BASE"] == "http://rehearsal:11502/api/v10"


def test_a_named_server_is_waited_for_although_it_does_not_answer() -> None:
    assert not plan(EMPTY, ollama_host="http://box.lan:11434").rehearsal


def test_a_real_token_stays_with_rehearsed_models() -> None:
    found = plan(EMPTY, discord_token="real")
    assert "DISCORD_TOKEN" not in found.environment
    assert "DISCORD_API_BASE" not in found.environment


@pytest.mark.parametrize(
    ("machine", "settings", "starts"),
    [
        (BIG, {}, True),
        (BIG, {"vram_profile": "balanced"}, False),
        (BIG, {"sglang_endpoint": "http://box.lan:30000"}, False),
        (BIG, {"sglang_endpoint": "http://sglang-server:30000"}, True),
        (SMALL, {}, False),
        (SMALL, {"vram_profile": "performance"}, True),
    ],
)
def test_sglang_is_started_where_it_was_chosen_or_everything_for_it_is_there(
    machine: Machine, settings: dict[str, Any], starts: bool
) -> None:
    assert ("performance" in plan(machine, **settings).profiles) is starts


def test_sglang_without_a_gpu_or_weights_is_refused_with_what_to_do() -> None:
    without_gpu = plan(SMALL, vram_profile="performance").trouble
    assert without_gpu is not None
    assert "NVIDIA Container Toolkit" in without_gpu
    bare = Machine(
        memory_gb=128, gpu_in_containers=True, weights_missing=WEIGHTS, ollama_answers=True
    )
    without_weights = plan(bare, vram_profile="performance").trouble
    assert without_weights is not None
    assert "hf download openai/gpt-oss-120b && hf download lmsys/EAGLE3" in without_weights


def test_an_address_of_the_compose_file_starts_that_service() -> None:
    found = plan(SMALL, search_url="http://searxng:8080", ollama_host="http://ollama:11434")
    assert found.profiles == ("ollama", "search")


def test_a_file_of_servers_is_named_in_full() -> None:
    found = plan(SMALL, model_servers_file=Path("servers.json"))
    assert found.environment["MODEL_SERVERS_FILE"] == "/srv/trollama/servers.json"


def test_ports_are_looked_at_for_what_is_started() -> None:
    settings = Settings(_env_file=None, dynamodb_port=18000, sglang_port=31000)
    assert published(settings, plan(SMALL)) == {
        "dynamodb-local": 18000,
        "auth-service": 8002,
        "fastapi-service": 8001,
        "streamlit-ui": 8501,
    }
    assert published(settings, plan(BIG))["sglang-server"] == 31000
    assert published(settings, plan(EMPTY))["discord-bot"] == 9997
