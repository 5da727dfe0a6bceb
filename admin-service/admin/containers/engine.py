"""The one place that calls `docker`."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

PROGRAM = "docker"
OLDEST_COMPOSE = (2, 20)
"""The first whose `include` and `required: false` the files rely on."""

ANSWER_SECONDS = 20.0
COLUMNS = r'{{.ID}}\t{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Status}}'


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The last line it wrote, errors first."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1].strip() if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of ours. `status` is Docker's own wording, such as `Up 2 minutes (healthy)`."""

    id: str
    service: str
    state: str
    status: str

    @property
    def live(self) -> bool:
        """Runs, and is well where it has a health check."""
        return self.state == "running" and "(" not in self.status.replace("(healthy)", "")

    @property
    def failing(self) -> bool:
        """Ended, or is started over and over."""
        return self.state in ("exited", "dead", "restarting") or "(unhealthy)" in self.status


def parse_containers(listing: str) -> list[Container]:
    """The lines of `docker ps` in the form of `COLUMNS`."""
    rows = (line.split("\t") for line in listing.splitlines())
    return [Container(*row) for row in rows if len(row) == 4]


@dataclass(frozen=True, slots=True)
class Docker:
    """
    `docker` for the compose files in `root`.

    `environment` is added to what it inherits; `profiles` are those of the compose files.
    """

    root: Path
    project: str = "trollama"
    environment: Mapping[str, str] = field(default_factory=dict)
    profiles: Sequence[str] = ()

    async def trouble(self) -> str | None:
        """Why containers are no way to go here, None when they are."""
        try:
            version = await self.run("version", "--format", "{{.Server.Version}}")
        except FileNotFoundError:
            return "Docker is not installed"
        if version.code != 0:
            return f"Docker does not answer ({version.last_words})"
        compose = await self.run("compose", "version", "--short")
        found = re.match(r"v?(\d+)\.(\d+)", compose.out.strip())
        if compose.code != 0 or found is None:
            return "Docker is there, but not Docker Compose (the package docker-compose-plugin)"
        if (int(found[1]), int(found[2])) < OLDEST_COMPOSE:
            return f"Docker Compose {found[0]} is too old, 2.20 is needed"
        return None

    async def run(self, *arguments: str, seconds: float = ANSWER_SECONDS) -> Ran:
        """`docker …`, nothing shown. Raises `FileNotFoundError` where it is not installed."""
        with anyio.move_on_after(seconds):
            done = await anyio.run_process(
                [PROGRAM, *arguments],
                cwd=self.root,
                env=self._env(),
                stdin=subprocess.DEVNULL,
                check=False,
            )
            return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        return Ran(124, "", f"no answer within {seconds:.0f} s")

    async def compose(self, *arguments: str, seconds: float = ANSWER_SECONDS) -> Ran:
        """`docker compose …` with our profiles, nothing shown."""
        return await self.run(*self._compose(), *arguments, seconds=seconds)

    async def shown(self, *arguments: str) -> int:
        """`docker compose …` on this terminal; the exit code."""
        done = await anyio.run_process(
            [PROGRAM, *self._compose(), *arguments],
            cwd=self.root,
            env=self._env(),
            stdin=subprocess.DEVNULL,
            stdout=None,
            stderr=None,
            check=False,
        )
        return done.returncode

    async def containers(self) -> list[Container]:
        """Those of our project, also stopped ones. No compose file is read for it."""
        label = f"label=com.docker.compose.project={self.project}"
        one_off = "label=com.docker.compose.oneoff=False"
        listing = await self.run(
            "ps", "--all", "--filter", label, "--filter", one_off, "--format", COLUMNS
        )
        return parse_containers(listing.out)

    def _compose(self) -> tuple[str, ...]:
        profiles = [word for name in self.profiles for word in ("--profile", name)]
        progress = [] if sys.stdout.isatty() else ["--progress", "quiet"]
        return ("compose", *progress, "--project-name", self.project, *profiles)

    def _env(self) -> dict[str, str]:
        inherited = os.environ  # noqa: TID251 - handed on as it is, nothing in it is read here
        return {**inherited, **self.environment}
