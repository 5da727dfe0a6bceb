"""`./start.sh` with Docker, as an operator types it, and what people then meet."""

import os
import time
from uuid import uuid4

import httpx
import pytest

from chat_client import connected
from installation import INFRASTRUCTURE, SERVICES, Installation

pytestmark = pytest.mark.timeout(900)
QUESTION = "Solve x^2 + 5x + 6 = 0"
ANSWER = "x = -2"


def sign_up(here: Installation, name: str) -> str:
    """A new person's token."""
    person = {"username": name, "password": "lovelace 1815"}
    with httpx.Client(base_url=here.url("AUTH_PORT")) as auth:
        made = auth.post("/register", json=person)
        assert made.status_code == 201, made.text
        return str(auth.post("/login", json=person).json()["access_token"])


def log_in(here: Installation, name: str) -> str:
    person = {"username": name, "password": "lovelace 1815"}
    return str(httpx.post(f"{here.url('AUTH_PORT')}/login", json=person).json()["access_token"])


def test_a_cold_start_ends_with_every_service_healthy(installation: Installation) -> None:
    started = installation.first_start
    assert started is not None
    assert started.returncode == 0, started.stdout + started.stderr
    assert installation.healthy() == SERVICES
    assert f"Open:  {installation.url('UI_PORT')}" in started.stdout
    assert "rehearsal models" in started.stdout
    for port in ("BRAIN_PORT", "AUTH_PORT", "UI_PORT", "BOT_HEALTH_PORT", "LOGGING_HEALTH_PORT"):
        assert httpx.get(f"{installation.url(port)}/health").json()["status"] == "healthy", port


async def test_a_question_is_answered_on_the_socket_of_the_page(installation: Installation) -> None:
    page = installation.url("UI_PORT")
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(page)).status_code == 200
    token = sign_up(installation, f"p{uuid4().hex[:8]}")
    async with connected(installation.url("BRAIN_PORT"), "/ws/chat", token, origin=page) as client:
        await client.hello("page")
        end = await client.end_of(await client.ask(QUESTION, surface="web"))
    assert ANSWER in end["text"]


def test_a_question_is_answered_over_http(installation: Installation) -> None:
    headers = {"Authorization": f"Bearer {sign_up(installation, f'p{uuid4().hex[:8]}')}"}
    with httpx.Client(base_url=installation.url("BRAIN_PORT"), headers=headers) as brain:
        fields = {"user_id": "", "user_name": "P", "conversation_id": "c", "text": QUESTION}
        asked = brain.post("/api/discord/message", json=fields | {"surface": "api"})
        assert asked.status_code == 202, asked.text
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            end = brain.get(f"/api/discord/status/{asked.json()['request_id']}").json()
            if end["status"] == "done":
                break
            time.sleep(0.2)
    assert ANSWER in end["text"]


def test_a_question_is_answered_in_discord(installation: Installation) -> None:
    discord = f"{installation.url('REHEARSAL_DISCORD_PORT')}/rehearsal/discord"
    said = {"channel": "general", "text": f"@Trollama {QUESTION}"}
    assert httpx.post(f"{discord}/act/say", json=said).status_code == 200
    deadline = time.monotonic() + 30
    text = ""
    while ANSWER not in text and time.monotonic() < deadline:
        time.sleep(0.3)
        text = httpx.get(f"{discord}/messages", params={"channel": QUESTION}).text
    assert ANSWER in text


async def test_a_stop_leaves_the_infrastructure_up_and_a_start_finds_the_data(
    installation: Installation,
) -> None:
    name = f"p{uuid4().hex[:8]}"
    token = sign_up(installation, name)
    brain = installation.url("BRAIN_PORT")
    async with connected(brain, "/ws/chat", token) as client:
        await client.hello("page")
        await client.end_of(await client.ask(QUESTION, conversation_id="kept", surface="web"))

    stopped = installation.run("./stop.sh")
    assert stopped.returncode == 0, stopped.stderr
    assert installation.healthy() == installation.status().keys() == INFRASTRUCTURE

    every = installation.run("./stop.sh", "--all")
    assert every.returncode == 0, every.stderr
    assert installation.status() == {}

    again = installation.run("./start.sh", "--rehearsal")
    assert again.returncode == 0, again.stdout + again.stderr
    headers = {"Authorization": f"Bearer {log_in(installation, name)}"}
    async with httpx.AsyncClient(headers=headers) as browser:
        kept = await browser.get(f"{brain}/api/conversations/kept")
    assert ANSWER in kept.text


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_whose_program_is_killed_comes_back(
    installation: Installation, service: str
) -> None:
    before = installation.inspect(service)["RestartCount"]
    try:
        os.kill(installation.main_process(service), 9)
    except (PermissionError, OSError) as not_ours:
        pytest.skip(f"the container's processes are not ours to kill: {not_ours}")
    deadline = time.monotonic() + 30
    while installation.inspect(service)["RestartCount"] == before:
        assert time.monotonic() < deadline, "it was not started again"
        time.sleep(0.2)
    installation.until_healthy(SERVICES)


def test_every_service_writes_to_the_central_log(installation: Installation) -> None:
    [day] = [one for one in (installation.folder / "logs").iterdir() if one.is_dir()]
    written = (day / "app.log").read_text()
    for service in ("auth-service", "fastapi-service", "discord-bot"):
        assert f'"service":"{service}"' in written, service
