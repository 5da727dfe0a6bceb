"""Are the models there, and does a container reach their server?"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from admin.containers.engine import Docker
from admin.containers.plan import HOST

LOOK_SECONDS = 60.0
PULL_SECONDS = 12 * 3600.0


class Report(BaseModel):
    """What `scripts/container_models.py` found, from inside."""

    model_config = ConfigDict(frozen=True)

    host: str
    problem: str
    installed: tuple[str, ...]
    missing: tuple[str, ...]


async def look(docker: Docker, *, pull: bool) -> Report | None:
    """The report of a container of the brain; None where it could not be run."""
    command = (
        *("run", "--rm", "--no-deps", "--no-TTY", "--quiet-pull", "fastapi-service"),
        *("python", "container_models.py", *(["--pull"] if pull else [])),
    )
    ran = await docker.compose(*command, seconds=PULL_SECONDS if pull else LOOK_SECONDS)
    try:
        return Report.model_validate_json(ran.out.strip().splitlines()[-1])
    except (IndexError, ValidationError):
        return None


def sentences(report: Report) -> Sequence[str]:
    """What the person should know about it; nothing where all is well."""
    if report.problem:
        return [_unreachable(report)]
    if not report.missing:
        return []
    names = ", ".join(report.missing)
    what = "Other models answer for them" if report.installed else "Nothing can answer yet"
    return [f"Not pulled yet: {names}. {what}; ./start.sh --pull-models fetches them."]


def _unreachable(report: Report) -> str:
    if HOST in report.host:
        return (
            f"Containers do not reach Ollama at {report.host} ({report.problem}): it listens on "
            "127.0.0.1 alone, so let it listen for them too, with OLLAMA_HOST=0.0.0.0 in its own "
            "environment (sudo systemctl edit ollama: [Service] Environment=OLLAMA_HOST=0.0.0.0), "
            "and restart it."
        )
    return (
        f"Ollama at {report.host} (OLLAMA_HOST) does not answer ({report.problem}); "
        "questions wait until it does."
    )
