"""`docker` is called and believed as it speaks; the stand-in is a program of that name."""

from pathlib import Path

import pytest

from admin.containers.down import down
from admin.containers.engine import Container, Docker, parse_containers
from admin.containers.models import Report, sentences
from admin.containers.up import Waiting
from shared.clock import SystemClock

LINES = """\
a1\tfastapi-service\trunning\tUp 2 minutes (healthy)
b2\tauth-service\trunning\tUp 3 seconds (health: starting)
c3\tollama\trunning\tUp 3 seconds
d4\tdiscord-bot\trestarting\tRestarting (2) 4 seconds ago
e5\tstreamlit-ui\trunning\tUp 2 minutes (unhealthy)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class FakeDocker:
    """A `docker` on PATH that answers by its first arguments and notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, str] = {}
        self.codes: dict[str, int] = {}

    def write(self) -> None:
        cases = "".join(
            f"{beginning}*) printf '%b' '{text}'; exit {self.codes.get(beginning, 0)};;\n"
            for beginning, text in (
                (key.replace(" ", "\\ "), value.replace("\n", "\\n").replace("\t", "\\t"))
                for key, value in self.answers.items()
            )
        )
        program = self.folder / "docker"
        program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{self.folder}/asked"\ncase "$*" in\n{cases}esac\n'
        )
        program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return FakeDocker(tmp_path)


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker(tmp_path, project="box")


def test_a_container_is_live_when_docker_says_it_is_well() -> None:
    every = parse_containers(LINES)
    assert [one.service for one in every if one.live] == ["fastapi-service", "ollama"]
    assert [one.service for one in every if one.failing] == ["discord-bot", "streamlit-ui"]


@pytest.mark.parametrize(
    ("version", "says"),
    [("2.26.1", None), ("v5.0.2", None), ("2.19.9", "2.20 is needed"), ("1.29.2", "too old")],
)
async def test_an_old_compose_is_refused(
    fake: FakeDocker, docker: Docker, version: str, says: str | None
) -> None:
    fake.answers = {"version": "28.0", "compose version": version}
    fake.write()
    trouble = await docker.trouble()
    assert trouble is None if says is None else says in (trouble or "")


async def test_an_engine_that_does_not_answer_is_told_in_its_own_words(
    fake: FakeDocker, docker: Docker
) -> None:
    fake.answers, fake.codes = {"version": "permission denied"}, {"version": 1}
    fake.write()
    assert await docker.trouble() == "Docker does not answer (permission denied)"


async def test_docker_that_is_not_there_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: Docker
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await docker.trouble() == "Docker is not installed"


@pytest.mark.parametrize(
    ("everything", "stopped"), [(False, "stop a1 c3 d4 e5"), (True, "stop a1 b2 c3 d4 e5")]
)
async def test_a_stop_leaves_the_infrastructure_unless_all_is_meant(
    fake: FakeDocker, docker: Docker, everything: bool, stopped: str
) -> None:
    fake.answers = {"ps": LINES}
    fake.write()
    assert await down(docker, everything=everything) == 0
    assert stopped in fake.asked
    assert not any("volume" in line for line in fake.asked)


async def test_nothing_running_is_fine(
    fake: FakeDocker, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.write()
    assert await down(docker, everything=True) == 0
    assert "Nothing is running." in capsys.readouterr().out


async def test_a_start_ends_when_all_are_live(fake: FakeDocker, docker: Docker) -> None:
    fake.answers = {"ps": LINES.splitlines()[0] + "\n"}
    fake.write()
    assert await Waiting(docker, clock=SystemClock()).start() == 0
    assert "compose --progress quiet --project-name box up --detach --no-build" in fake.asked


async def test_a_service_that_fails_again_and_again_ends_the_start_with_its_last_words(
    fake: FakeDocker,
    docker: Docker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("admin.containers.up.LOOK_EVERY_SECONDS", 0.01)
    fake.answers = {
        "ps": LINES.splitlines()[3] + "\n",
        "logs": "Cannot start: DISCORD_TOKEN is wrong.\n",
    }
    fake.write()
    assert await Waiting(docker, clock=SystemClock()).start() == 1
    said = capsys.readouterr().out
    assert "discord-bot is not live: Restarting (2) 4 seconds ago." in said
    assert "    Cannot start: DISCORD_TOKEN is wrong." in said


async def test_what_compose_itself_refuses_is_told(
    fake: FakeDocker, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.answers, fake.codes = {"compose": "no such image"}, {"compose": 1}
    fake.write()
    assert await Waiting(docker, clock=SystemClock()).start() == 1
    assert "Docker Compose: no such image" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (Report(host="http://host.docker.internal:1", problem="refused", installed=(), missing=()),
         "systemctl edit ollama"),
        (Report(host="http://box.lan:11434", problem="refused", installed=(), missing=()),
         "questions wait"),
        (Report(host="h", problem="", installed=("a:1b",), missing=("gpt-oss:20b",)),
         "Not pulled yet: gpt-oss:20b. Other models answer"),
        (Report(host="h", problem="", installed=(), missing=("gpt-oss:20b",)),
         "Nothing can answer yet; ./start.sh --pull-models"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_with_the_cure(report: Report, says: str) -> None:
    [sentence] = sentences(report)
    assert says in sentence


def test_nothing_is_said_where_all_is_there() -> None:
    assert sentences(Report(host="h", problem="", installed=("a:1b",), missing=())) == []


def test_a_container_without_a_health_check_counts_as_live_when_it_runs() -> None:
    assert Container("a", "ollama", "running", "Up 1 second").live
