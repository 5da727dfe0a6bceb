from pathlib import Path
from typing import Any

from admin.config import Settings
from admin.local.programs import programs, reachable


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, **changes)


def test_the_brain_starts_after_auth_and_the_rehearsal() -> None:
    found = {one.name: one for one in programs(settings(), rehearsal=True)}
    assert found["brain"].after == ("auth", "rehearsal")
    assert found["auth"].after == ()


def test_without_rehearsal_nothing_points_to_it() -> None:
    found = {one.name: one for one in programs(settings(), rehearsal=False)}
    assert "rehearsal" not in found
    assert found["brain"].after == ("auth",)
    assert "OLLAMA_HOST" not in found["brain"].environment


def test_with_rehearsal_the_brain_is_told_its_addresses() -> None:
    ports = settings(rehearsal_ollama_port=7001, rehearsal_openai_port=7002)
    found = {one.name: one for one in programs(ports, rehearsal=True)}
    assert found["brain"].environment["OLLAMA_HOST"] == "http://127.0.0.1:7001"
    assert found["brain"].environment["SGLANG_ENDPOINT"] == "http://127.0.0.1:7002"
    assert found["rehearsal"].ports == (7001, 7002, 11502)


def test_the_brain_follows_the_port_of_auth() -> None:
    found = {one.name: one for one in programs(settings(auth_port=7003), rehearsal=False)}
    assert found["brain"].environment["AUTH_URL"] == "http://127.0.0.1:7003"


def test_an_open_address_is_reached_over_loopback() -> None:
    assert reachable("0.0.0.0") == "127.0.0.1"
    assert reachable("192.0.2.1") == "192.0.2.1"
    assert reachable("::1") == "[::1]"


def test_the_printed_address_can_be_opened() -> None:
    found = {one.name: one for one in programs(settings(bind_address="0.0.0.0"), rehearsal=False)}
    assert found["brain"].urls == ("http://127.0.0.1:8001",)
    assert Path(found["brain"].health_url).name == "live"


def test_without_a_token_the_bot_talks_to_the_rehearsal_of_discord() -> None:
    found = {one.name: one for one in programs(settings(), rehearsal=True)}
    assert found["bot"].environment["DISCORD_API_BASE"] == "http://127.0.0.1:11502/api/v10"
    assert found["brain"].environment["DISCORD_API_BASE"] == "http://127.0.0.1:11502/api/v10"
    assert "--discord-port" in found["rehearsal"].arguments


def test_with_a_token_the_bot_talks_to_discord() -> None:
    for rehearsal in (True, False):
        found = {
            one.name: one for one in programs(settings(discord_token="t"), rehearsal=rehearsal)
        }
        assert "DISCORD_API_BASE" not in found["bot"].environment


def test_without_a_token_and_without_a_rehearsal_there_is_no_bot() -> None:
    assert "bot" not in {one.name for one in programs(settings(), rehearsal=False)}


def test_the_web_chat_starts_last_and_knows_where_the_others_are() -> None:
    ports = settings(ui_port=7004, brain_port=7005, auth_port=7006)
    found = {one.name: one for one in programs(ports, rehearsal=False)}
    assert found["web chat"].after == ("auth", "brain")
    assert found["web chat"].urls == ("http://127.0.0.1:7004",)
    assert found["web chat"].environment == {
        "BRAIN_URL": "http://127.0.0.1:7005",
        "AUTH_URL": "http://127.0.0.1:7006",
        "LOGGING_HOST": "127.0.0.1",
    }


def test_every_service_ships_its_logs_and_none_waits_for_the_log_server() -> None:
    found = {one.name: one for one in programs(settings(logging_port=7007), rehearsal=True)}
    assert found["logs"].urls == ("tcp://127.0.0.1:7007", "http://127.0.0.1:9998")
    assert "LOGGING_HOST" not in found.pop("logs").environment
    assert {one.environment["LOGGING_HOST"] for one in found.values()} == {"127.0.0.1"}
    assert all("logs" not in one.after for one in found.values())


def test_where_another_log_server_is_named_none_is_started() -> None:
    found = {one.name: one for one in programs(settings(logging_host="box"), rehearsal=True)}
    assert "logs" not in found
    assert all("LOGGING_HOST" not in one.environment for one in found.values())
