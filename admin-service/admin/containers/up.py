"""`./start.sh` with Docker: check, build, start, and return when everything is healthy."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from admin.config import Compose, Settings
from admin.containers import machine, models, words
from admin.containers.engine import Container, Docker
from admin.containers.plan import Plan, make_plan
from admin.containers.settings_check import wrong_settings
from admin.local import ports
from admin.local.env_file import ensure_env_file
from admin.local.health import answers
from admin.local.programs import reachable
from admin.local.state import running
from admin.local.words import say
from admin.private_file import make_private_folder
from shared.clock import Clock
from shared.settings import load_settings

WRONG = 2
NOT_LIVE = 1
INFRASTRUCTURE = ("dynamodb-local", "logging-service", "auth-service")
LOOK_EVERY_SECONDS = 0.5
LIMIT_SECONDS = 180.0
SGLANG_LIMIT_SECONDS = 1200.0
"""SGLang shuffles its weights for four to five minutes at every start."""

PATIENCE = 6
"""Looks in a row at which a container must fail before its failing is told as the end."""

LOG_USER = 10001
"""Who writes the logs where the operator is root."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line said."""

    rehearsal: bool = False
    pull_models: bool = False
    foreground: bool = False


async def up(root: Path, docker: Docker, wishes: Wishes, *, clock: Clock) -> int:
    """Start what is down; the exit status for the shell."""
    for name in await anyio.to_thread.run_sync(ensure_env_file, root):
        say(f"Wrote a strong random {name} into .env.")
    settings = load_settings(Settings)
    if wrong := await wrong_settings(root):
        for sentence in wrong:
            say(sentence)
        return WRONG
    if running(root) is not None:
        say("Trollama runs here without containers; ./stop.sh first, then ./start.sh again.")
        return WRONG
    found = await machine.look(docker, huggingface=Compose().huggingface)
    plan = make_plan(settings, found, root=root, rehearsal=wishes.rehearsal)
    environment = {**plan.environment, **_writer(root)}
    docker = replace(docker, profiles=plan.profiles, environment=environment)
    if trouble := plan.trouble or await _trouble(docker, settings, plan):
        say(trouble)
        return WRONG
    return await _build_and_start(docker, settings, plan, wishes, clock=clock)


async def _trouble(docker: Docker, settings: Settings, plan: Plan) -> str | None:
    there = {one.service for one in await docker.containers() if one.state == "running"}
    for service, port in published(settings, plan).items():
        if service not in there and (
            taken := await anyio.to_thread.run_sync(ports.unusable, settings.bind_address, port)
        ):
            return f"Cannot start {service}: {taken}."
    return await machine.disk_trouble(docker)


def published(settings: Settings, plan: Plan) -> dict[str, int]:
    """The ports of this machine at which the services are reached."""
    has_bot = settings.discord_token is not None or "DISCORD_TOKEN" in plan.environment
    return {
        "dynamodb-local": settings.dynamodb_port,
        "auth-service": settings.auth_port,
        "fastapi-service": settings.brain_port,
        "streamlit-ui": settings.ui_port,
        **({"discord-bot": settings.bot_health_port} if has_bot else {}),
        **({"sglang-server": settings.sglang_port} if "performance" in plan.profiles else {}),
        **({"rehearsal": settings.rehearsal_discord_port} if plan.rehearsal else {}),
    }


def _writer(root: Path) -> dict[str, str]:
    """Log files belong to the operator, and nobody in a container is root."""
    logs = root / "logs"
    make_private_folder(logs)
    user, group = os.getuid(), os.getgid()
    if user == 0:
        user = group = LOG_USER
        os.chown(logs, user, group)
    return {"LOG_UID": f"{user}", "LOG_GID": f"{group}"}


async def _build_and_start(
    docker: Docker, settings: Settings, plan: Plan, wishes: Wishes, *, clock: Clock
) -> int:
    say("Building the images (minutes the first time, seconds later) …")
    if await docker.shown("build") != 0:
        say("An image could not be built; what failed stands above.")
        return NOT_LIVE
    say("Starting …")
    waiting = Waiting(docker, clock=clock)
    if (status := await waiting.start(*INFRASTRUCTURE)) != 0:
        return status
    if not plan.rehearsal:
        report = await models.look(docker, pull=wishes.pull_models)
        for sentence in models.sentences(report) if report else ():
            say(sentence)
    if (status := await waiting.start()) != 0:
        return status
    return await _healthy(docker, settings, plan, wishes)


async def _healthy(docker: Docker, settings: Settings, plan: Plan, wishes: Wishes) -> int:
    """Live is not enough: a service without its database serves nobody."""
    place = f"http://{reachable(settings.bind_address)}"
    for name, port in (
        ("auth-service", settings.auth_port),
        ("fastapi-service", settings.brain_port),
    ):
        if not await answers(f"{place}:{port}/health"):
            say(f"{name} runs but can take no requests: {place}:{port}/health says why.")
            return NOT_LIVE
    has_bot = settings.discord_token is not None or plan.rehearsal
    words.show_next_steps(settings, rehearsal=plan.rehearsal, has_bot=has_bot)
    if wishes.foreground:
        await docker.shown("logs", "--follow", "--tail", "0")
    return 0


class Waiting:
    """Starting services and telling how it goes."""

    def __init__(self, docker: Docker, *, clock: Clock) -> None:
        self._docker = docker
        self._clock = clock
        self._shown: dict[str, str] = {}
        self._failing: dict[str, int] = {}

    async def start(self, *services: str) -> int:
        """Start these, or all, and return when all that are there are live: 0, or `NOT_LIVE`."""
        slow = "performance" in self._docker.profiles
        limit = SGLANG_LIMIT_SECONDS if slow else LIMIT_SECONDS
        status: int | None = None
        async with anyio.create_task_group() as tasks:

            async def compose() -> None:
                nonlocal status
                ran = await self._docker.compose(
                    "up", "--detach", "--no-build", *services, seconds=limit
                )
                if ran.code != 0 and not self._failed(await self._docker.containers()):
                    say(f"Docker Compose: {ran.last_words}")
                    status = NOT_LIVE
                    tasks.cancel_scope.cancel()
                started.set()

            started = anyio.Event()
            tasks.start_soon(compose)
            status = await self._watch(started, limit)
            tasks.cancel_scope.cancel()
        return NOT_LIVE if status is None else status

    async def _watch(self, started: anyio.Event, limit: float) -> int:
        until = self._clock.monotonic() + limit
        while True:
            containers = await self._docker.containers()
            words.show_progress(containers, self._shown)
            if started.is_set() and containers and all(one.live for one in containers):
                return 0
            late = self._clock.monotonic() >= until
            if failed := self._failed(containers) or (
                [one for one in containers if not one.live] if late else []
            ):
                await self._tell(failed)
                return NOT_LIVE
            await self._clock.sleep(LOOK_EVERY_SECONDS)

    def _failed(self, containers: list[Container]) -> list[Container]:
        """Those that failed at several looks in a row."""
        self._failing = {
            one.service: self._failing.get(one.service, 0) + 1 for one in containers if one.failing
        }
        return [one for one in containers if self._failing.get(one.service, 0) >= PATIENCE]

    async def _tell(self, failed: list[Container]) -> None:
        for one in failed:
            tail = await self._docker.run("logs", "--tail", "12", one.id)
            words.show_failure(one, tail.out + tail.err)
