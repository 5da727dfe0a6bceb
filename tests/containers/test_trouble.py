"""What `./start.sh` says when something is in its way."""

import socket

import pytest

from installation import Installation

pytestmark = pytest.mark.timeout(600)


def test_a_wrong_setting_is_named_before_anything_is_touched(installation: Installation) -> None:
    before = installation.status().keys()
    refused = installation.run("./start.sh", "--rehearsal", VISIBILITY_TIMEOUT="soon")
    assert refused.returncode == 2
    assert "VISIBILITY_TIMEOUT must be a number of seconds above 0" in refused.stdout
    assert installation.status().keys() == before


def test_a_port_in_use_is_named(installation: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = installation.run(
            "./start.sh", "--rehearsal", UI_PORT=str(port), COMPOSE_PROJECT_NAME="trollama-other"
        )
    assert refused.returncode == 2
    assert "port" in refused.stdout
    assert "is taken by" in refused.stdout


def test_models_are_fetched_from_inside_and_those_that_are_missing_named(
    installation: Installation,
) -> None:
    command = ("docker", "compose", "--profile", "rehearsal", "run", "--rm", "--no-deps", "-T")
    look = ("fastapi-service", "python", "container_models.py")
    inside = ("-e", "OLLAMA_HOST=http://rehearsal:11500", "-e", "VRAM_PROFILE=conservative")
    fetched = installation.run(*command, *inside, *look, "--pull")
    assert fetched.returncode == 0, fetched.stderr
    assert '"missing": []' in fetched.stdout
    unreachable = installation.run(*command, "-e", "OLLAMA_HOST=http://rehearsal:9", *look)
    assert "refused" in unreachable.stdout


def test_an_ollama_that_containers_do_not_reach_gets_a_sentence_with_the_cure(
    installation: Installation,
) -> None:
    """The stand-in's port is published on loopback alone, as Ollama listens by itself."""
    there = installation.url("REHEARSAL_OLLAMA_PORT")
    started = installation.run("./start.sh", OLLAMA_HOST=there)
    assert "Containers do not reach Ollama at http://host.docker.internal:" in started.stdout
    assert "OLLAMA_HOST=0.0.0.0" in started.stdout
