"""What runs, as the supervisor writes it for `up`, `down` and `trollama status` to read."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from admin.local.processes import Process, is_alive

State = Literal["waiting", "starting", "live", "resting", "failed"]
"""waiting: for another service; resting: ended, starts again soon; failed: given up."""


class ServiceState(BaseModel):
    """One service right now."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: State = "waiting"
    ports: tuple[int, ...] = ()
    urls: tuple[str, ...] = ()
    process: Process | None = None
    reason: str | None = None
    """Why it rests or failed, in words."""
    tail: tuple[str, ...] = ()
    """Its last lines, where it rests or failed."""


class PlatformState(BaseModel):
    """The supervisor and all its services."""

    model_config = ConfigDict(frozen=True)

    supervisor: Process
    rehearsal: bool
    model_servers: tuple[str, ...] = ()
    """Where real models are looked for when `rehearsal` is false."""
    asked: int = 1
    """How often it was asked to start what is down."""
    services: tuple[ServiceState, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing more happens by itself: each is live, failed, or waits for a failed."""
        moving = any(one.state in ("starting", "resting") for one in self.services)
        waits = any(one.state == "waiting" for one in self.services)
        failed = any(one.state == "failed" for one in self.services)
        return not moving and (failed or not waits)

    @property
    def all_live(self) -> bool:
        """Whether every service is live."""
        return all(one.state == "live" for one in self.services)


def state_file(root: Path) -> Path:
    """Where the state of the platform in `root` is kept."""
    return root / "data" / "run" / "local.json"


def write_state(root: Path, state: PlatformState) -> None:
    """Replace the file as a whole, so that a reader never sees half of it."""
    path = state_file(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(state.model_dump_json(indent=1))
    fresh.replace(path)


def read_state(root: Path) -> PlatformState | None:
    """What was last written, whether or not it still runs; None where nothing can be read."""
    try:
        return PlatformState.model_validate_json(state_file(root).read_bytes())
    except (OSError, ValidationError):
        return None


def forget_state(root: Path) -> None:
    """Nothing runs any more."""
    state_file(root).unlink(missing_ok=True)


def running(root: Path) -> PlatformState | None:
    """The state of the platform in `root` if its supervisor is alive."""
    state = read_state(root)
    return state if state is not None and is_alive(state.supervisor) else None


def leftovers(state: PlatformState) -> list[Process]:
    """Services that outlived their supervisor."""
    processes = [one.process for one in state.services if one.process is not None]
    return [process for process in processes if is_alive(process)]
