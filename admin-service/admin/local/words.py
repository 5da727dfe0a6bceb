"""What `./start.sh` and `./stop.sh` say."""

from pathlib import Path

import typer

from admin.local.programs import LOG_SERVER, WEB_CHAT
from admin.local.state import PlatformState, ServiceState

NEXT_COMMAND = '.venv/bin/trollama chat "Solve x^2 + 5x + 6 = 0"'
ADMIN_COMMAND = ".venv/bin/python auth-service/setup_admin.py --username NAME"
LAST_LINES = 12
LOG_TAIL_BYTES = 4000


def say(line: str = "") -> None:
    """One line on stdout, at once."""
    typer.echo(line)


def progress(service: ServiceState) -> str:
    """Where a service is, in a few words."""
    match service.state:
        case "waiting":
            return "waits for the others"
        case "starting":
            return "starting …"
        case "live":
            return "live at " + " and ".join(service.urls)
        case "resting":
            return f"{service.reason}; trying again …"
        case "failed":
            return f"failed: {service.reason}"


def show_progress(state: PlatformState, shown: dict[str, str]) -> None:
    """A line for each service that changed since the last call; `shown` remembers."""
    for service in state.services:
        line = progress(service)
        if service.state != "waiting" and shown.get(service.name) != line:
            shown[service.name] = line
            say(f"  {service.name:<10}{line}")


def show_services(state: PlatformState) -> None:
    """A line for each service."""
    for service in state.services:
        say(f"  {service.name:<10}{progress(service)}")


def show_next_steps(state: PlatformState) -> None:
    """What runs, what to type next, how to stop."""
    say()
    for line in models_lines(state):
        say(line)
    for line in discord_lines(state):
        say(line)
    say()
    for url in web_chat_urls(state):
        say(f"Open:  {url}")
    say(f"Or:    {NEXT_COMMAND}")
    say(f"Admin: {ADMIN_COMMAND}   (once, for whoever runs this)")
    say(f"Logs:  {logs_of(state)}")
    say("Stop:  ./stop.sh")


def show_unhealthy(name: str, health: str) -> None:
    """A service runs and cannot work; nearly always that is its database."""
    say()
    say(f"{name} runs but can take no requests: {health} says why.")
    say("If logs/local.log tells of the database (data/trollama.db by default): stop with")
    say("./stop.sh, move the damaged file away or put a backup in its place, and start again.")


def models_lines(state: PlatformState) -> list[str]:
    """Which models answer, and how to get real ones where none do."""
    if not state.rehearsal:
        return ["Models: " + " and ".join(state.model_servers)]
    urls = next((one.urls[:2] for one in state.services if one.name == "rehearsal"), ())
    return [
        "Models: rehearsal models at " + " and ".join(urls),
        "        Their answers are scripted and say so. For real ones install Ollama",
        "        (https://ollama.com), then: ollama pull gpt-oss:20b && ./stop.sh && ./start.sh",
    ]


def logs_of(state: PlatformState) -> str:
    """Where to read what happens."""
    if LOG_SERVER in {service.name for service in state.services}:
        return "logs/$(date +%Y-%m-%d)/app.log, errors again in error.log beside it"
    return "logs/local.log"


def web_chat_urls(state: PlatformState) -> tuple[str, ...]:
    """The address a person opens in a browser."""
    return next((one.urls for one in state.services if one.name == WEB_CHAT), ())


def discord_lines(state: PlatformState) -> list[str]:
    """Where the bot can be tried, or how to get one."""
    by_name = {service.name: service for service in state.services}
    if "bot" not in by_name:
        return ["Discord: no bot; for one put DISCORD_TOKEN into .env and start again"]
    stand_ins = by_name["rehearsal"].urls[2:] if "rehearsal" in by_name else ()
    return [f"Discord: try the bot without a token at {url}" for url in stand_ins]


def show_failures(state: PlatformState) -> None:
    """Why what is not live is not, with its last words."""
    for service in state.services:
        if service.state == "live":
            continue
        say()
        say(f"{service.name} is not live: {service.reason or progress(service)}.")
        for line in service.tail[-LAST_LINES:]:
            say(f"    {line}")
    say()
    say("Everything it wrote is in logs/local.log. ./start.sh starts what is down again,")
    say("./stop.sh stops the rest.")


def show_no_supervisor(log: Path) -> None:
    """The supervisor itself ended; its last words are in the log."""
    say("It ended before everything was live; the end of logs/local.log:")
    if log.exists():
        last = log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace").splitlines()
        for line in last[-LAST_LINES:]:
            say(f"    {line}")
