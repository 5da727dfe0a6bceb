"""What `./start.sh` and `./stop.sh` say about containers."""

from admin.config import Settings
from admin.containers.engine import Container
from admin.local.programs import reachable
from admin.local.words import NEXT_COMMAND, say

ADMIN = "docker compose exec auth-service python -m auth.setup_admin --username NAME"


def progress(container: Container) -> str:
    """Where a container is, in a few words."""
    if container.live:
        return "live"
    return f"{container.state}: {container.status}" if container.failing else "starting …"


def show_progress(containers: list[Container], shown: dict[str, str]) -> None:
    """A line for each service that changed since the last call; `shown` remembers."""
    for one in sorted(containers, key=lambda container: container.service):
        line = "live" if one.live else "failing …" if one.failing else "starting …"
        if shown.get(one.service) != line:
            shown[one.service] = line
            say(f"  {one.service:<18}{line}")


def show_failure(container: Container, tail: str) -> None:
    """Why a service is not live, with its last words."""
    say()
    say(f"{container.service} is not live: {container.status or container.state}.")
    for line in tail.splitlines():
        say(f"    {line}")


def show_next_steps(settings: Settings, *, rehearsal: bool, has_bot: bool) -> None:
    """What runs, what to type next, how to stop."""
    place = f"http://{reachable(settings.bind_address)}"
    say()
    if rehearsal:
        say(
            "Models: rehearsal models; their answers are scripted and say so. For real ones install"
        )
        say("        Ollama (https://ollama.com), then: ./start.sh --pull-models")
    if not has_bot:
        say("Discord: no bot; for one put DISCORD_TOKEN into .env and start again")
    elif rehearsal and settings.discord_token is None:
        say("Discord: try the bot without a token at "
            f"http://127.0.0.1:{settings.rehearsal_discord_port}")  # fmt: skip
    say()
    say(f"Open:  {place}:{settings.ui_port}")
    say(f"Or:    {NEXT_COMMAND}")
    say(f"Admin: {ADMIN}")
    say("Logs:  docker compose logs -f")
    say("Stop:  ./stop.sh (database and accounts stay up; ./stop.sh --all stops them too)")
