"""The compose files and Dockerfiles themselves; only `docker compose config` needs Docker."""

import itertools
import json
import os
import subprocess
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are not in the lock
from pydantic_settings import BaseSettings

import auth.config
import bot.config
import brain.config
import logsink.config
import ui.config
from installation import ROOT, SERVICES

PROFILES = ("performance", "ollama", "search", "rehearsal")
INFRA, APP = "docker-compose.infra.yml", "docker-compose.app.yml"
FILES = (("compose.yaml",), (INFRA,), (APP,), (INFRA, APP))
SECRETS = {"JWT_SECRET_KEY": "j" * 16 + "k9" * 16, "SERVICE_TOKEN": "s" * 16 + "t7" * 16}
CONFIGS: dict[str, type[BaseSettings]] = {
    "fastapi-service": brain.config.Settings,
    "auth-service": auth.config.Settings,
    "discord-bot": bot.config.Settings,
    "streamlit-ui": ui.config.Settings,
    "logging-service": logsink.config.Settings,
}
OF_THE_IMAGE = {"LISTEN_ADDRESS"}
"""Set by the Dockerfiles."""

NOT_IN_CONTAINERS = {
    "fastapi-service": {
        "BRAIN_PORT", "LOGGING_PORT", "MEMINFO_FILE", "PRESSURE_FILE", "VMSTAT_FILE",
    },
    "auth-service": {"AUTH_PORT", "BRAIN_PORT", "LOGGING_PORT"},
    "discord-bot": {"AUTH_PORT", "BRAIN_PORT", "BOT_HEALTH_PORT", "LOGGING_PORT"},
    "streamlit-ui": {"UI_PORT", "LOGGING_PORT"},
    "logging-service": {
        "LOGGING_HOST", "LOGGING_PORT", "LOGGING_HEALTH_PORT", "LOG_DIR", "BIND_ADDRESS",
    },
}  # fmt: skip
"""What is fixed inside: ports of the compose network, folders, files of the kernel."""


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    every: dict[str, dict[str, Any]] = {}
    for name in (INFRA, APP):
        every |= yaml.safe_load((ROOT / name).read_text())["services"]
    return every


def config(
    files: tuple[str, ...], *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`docker compose` without an env file and with nothing in the environment but `variables`."""
    named = [word for name in files for word in ("-f", name)]
    kept = {name: os.environ[name] for name in ("PATH", "DOCKER_CONFIG") if name in os.environ}
    return subprocess.run(
        ["docker", "compose", "--env-file", "/dev/null", *named, *arguments],
        cwd=ROOT,
        env=kept | {"HOME": "/nowhere"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("files", FILES, ids="+".join)
def test_every_combination_of_files_and_profiles_is_valid(files: tuple[str, ...]) -> None:
    for count in range(len(PROFILES) + 1):
        for chosen in itertools.combinations(PROFILES, count):
            profiles = [word for name in chosen for word in ("--profile", name)]
            checked = config(files, *profiles, "config", "-q", **SECRETS)
            assert checked.returncode == 0, (chosen, checked.stderr)
            assert checked.stderr == ""


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", SECRETS)
def test_compose_names_a_secret_that_is_missing(name: str) -> None:
    given = {other: value for other, value in SECRETS.items() if other != name}
    refused = config(("compose.yaml",), "config", "-q", **given)
    assert refused.returncode != 0
    assert f"required variable {name} is missing a value" in refused.stderr
    assert "./start.sh writes it into .env" in refused.stderr


@pytest.mark.usefixtures("engine")
def test_the_bot_is_there_where_it_has_a_token() -> None:
    for token, scale in (({}, 0), ({"DISCORD_TOKEN": "t"}, 1)):
        told = config((APP,), "config", "--format", "json", **SECRETS, **token)
        assert json.loads(told.stdout)["services"]["discord-bot"]["scale"] == scale


@pytest.mark.parametrize("service", CONFIGS)
def test_a_container_is_given_every_setting_its_service_reads(
    services: dict[str, dict[str, Any]], service: str
) -> None:
    read = {name.upper() for name in CONFIGS[service].model_fields}
    given = set(services[service]["environment"])
    assert given - read == set()
    assert read - given - OF_THE_IMAGE == NOT_IN_CONTAINERS[service]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_dockerfile_needs_no_registry_but_for_its_base(service: str) -> None:
    text = (ROOT / service / "Dockerfile").read_text()
    assert "# syntax" not in text
    assert "<<" not in text, "heredocs need a newer engine than others do"
    assert "\nUSER " in text
    assert "HEALTHCHECK" in text
    last = text.rindex("\nFROM ")
    assert "apt-get" not in text[last:]
    assert "pip install" not in text[last:]


def test_what_is_not_for_an_image_is_not_sent_to_the_engine() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert not allowed & {".env", "data", "logs", ".git", "tests"}
    assert "requirements.lock" in allowed
