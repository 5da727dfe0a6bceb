"""Which services exist, how each is started and when it counts as live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from admin.config import Settings

LOOPBACK = "127.0.0.1"
EVERYWHERE = {"0.0.0.0", "::", ""}
WEB_CHAT = "web chat"
LOG_SERVER = "logs"
STAND_IN_TOKEN = "rehearsal"  # noqa: S105 - the stand-in's, no secret


@dataclass(frozen=True, slots=True)
class Program:
    """
    One program: `python -m module arguments`.

    It is live when `health_url` answers 200, and starts when those in `after` are. `environment` is
    added to what it inherits.
    """

    name: str
    module: str
    ports: tuple[int, ...]
    health_url: str
    tcp_ports: tuple[int, ...] = ()
    """Those of `ports` that do not speak HTTP."""
    host: str = LOOPBACK
    arguments: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ends_last: bool = False
    """It is ended when all others have, whose last words it takes."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Where this machine reaches it."""
        place = reachable(self.host)
        return tuple(
            f"{'tcp' if port in self.tcp_ports else 'http'}://{place}:{port}" for port in self.ports
        )


def reachable(bind_address: str) -> str:
    """The address under which this machine reaches what listens on `bind_address`."""
    if bind_address in EVERYWHERE:
        return LOOPBACK
    return f"[{bind_address}]" if ":" in bind_address else bind_address


def programs(settings: Settings, *, rehearsal: bool) -> Sequence[Program]:
    """Every service this installation has, each after those it needs."""
    host = settings.bind_address
    own = f"http://{reachable(host)}"
    plays_discord = rehearsal and settings.discord_token is None
    has_bot = plays_discord or settings.discord_token is not None
    every = [
        *([] if settings.logging_host else [_log_server(settings)]),
        Program(
            name="auth",
            module="auth",
            host=host,
            ports=(settings.auth_port,),
            health_url=f"{own}:{settings.auth_port}/health/live",
        ),
        *([_rehearsal(settings, plays_discord=plays_discord)] if rehearsal else []),
        Program(
            name="brain",
            module="brain",
            host=host,
            ports=(settings.brain_port,),
            health_url=f"{own}:{settings.brain_port}/health/live",
            after=("auth", "rehearsal"),
            environment={"AUTH_URL": settings.auth_address}
            | (_scripted_models(settings) if rehearsal else {})
            | (_stand_in(settings) if plays_discord else {}),
        ),
        _web_chat(settings),
        *([_bot(settings, plays_discord=plays_discord)] if has_bot else []),
    ]
    there = [service for service in every if find_spec(f"{service.module}.__main__")]
    names = {one.name for one in there}
    shipping = {"LOGGING_HOST": reachable(host).strip("[]")} if LOG_SERVER in names else {}
    return [_without_absent(_with(service, shipping), names) for service in there]


def _log_server(settings: Settings) -> Program:
    """Nobody waits for it: what the others log meanwhile, they keep for it."""
    host, port, health_port = (
        settings.bind_address,
        settings.logging_port,
        settings.logging_health_port,
    )
    return Program(
        name=LOG_SERVER,
        module="logsink",
        host=host,
        ports=(port, health_port),
        tcp_ports=(port,),
        ends_last=True,
        health_url=f"http://{reachable(host)}:{health_port}/health/live",
    )


def _web_chat(settings: Settings) -> Program:
    host, port = settings.bind_address, settings.ui_port
    return Program(
        name=WEB_CHAT,
        module="ui",
        host=host,
        ports=(port,),
        health_url=f"http://{reachable(host)}:{port}/health/live",
        after=("auth", "brain"),
        environment={"AUTH_URL": settings.auth_address, "BRAIN_URL": settings.brain_address},
    )


def _bot(settings: Settings, *, plays_discord: bool) -> Program:
    host, port = settings.bind_address, settings.bot_health_port
    return Program(
        name="bot",
        module="bot",
        host=host,
        ports=(port,),
        health_url=f"http://{reachable(host)}:{port}/health/live",
        after=("auth", "rehearsal", "brain"),
        environment={"AUTH_URL": settings.auth_address, "BRAIN_URL": settings.brain_address}
        | (_stand_in(settings) if plays_discord else {}),
    )


def _stand_in(settings: Settings) -> dict[str, str]:
    """Discord as the rehearsal plays it."""
    place = f"{LOOPBACK}:{settings.rehearsal_discord_port}"
    return {
        "DISCORD_TOKEN": STAND_IN_TOKEN,
        "DISCORD_API_BASE": f"http://{place}/api/v10",
        "DISCORD_GATEWAY_URL": f"ws://{place}/gateway",
    }


def _rehearsal(settings: Settings, *, plays_discord: bool) -> Program:
    ollama, openai = settings.rehearsal_ollama_port, settings.rehearsal_openai_port
    discord = settings.rehearsal_discord_port
    return Program(
        name="rehearsal",
        module="rehearsal",
        arguments=(
            *("--host", LOOPBACK),
            *("--ollama-port", str(ollama)),
            *("--openai-port", str(openai)),
            *(("--discord-port", str(discord)) if plays_discord else ()),
        ),
        ports=(ollama, openai, discord) if plays_discord else (ollama, openai),
        health_url=f"http://{LOOPBACK}:{ollama}/api/version",
    )


def _scripted_models(settings: Settings) -> dict[str, str]:
    return {
        "OLLAMA_HOST": f"http://{LOOPBACK}:{settings.rehearsal_ollama_port}",
        "SGLANG_ENDPOINT": f"http://{LOOPBACK}:{settings.rehearsal_openai_port}",
    }


def _with(service: Program, environment: Mapping[str, str]) -> Program:
    if service.name == LOG_SERVER:
        return service
    return replace(service, environment={**service.environment, **environment})


def _without_absent(service: Program, present: set[str]) -> Program:
    return replace(service, after=tuple(name for name in service.after if name in present))
