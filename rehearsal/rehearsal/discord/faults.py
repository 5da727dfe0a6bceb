"""What shall go wrong at the REST door of the stand-in Discord."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rehearsal.faults import FaultError


class DiscordFault(BaseModel):
    """
    One thing that goes wrong with requests whose method and path fit.

    `path` is a regular expression searched in the path below `/api/v10`. `done` lets the request
    take effect although its answer is lost or an error.

    * `error`: `status` and `code`, after the request was done or not
    * `limit`: 429 with `retry_after`, as Discord sends it (`everywhere`: for all requests)
    * `ban`: 429 as Cloudflare sends it, without rate limit headers or JSON
    * `reset`: the connection breaks
    * `slow`: the answer comes after `seconds`
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["error", "limit", "ban", "reset", "slow"]
    method: str | None = None
    path: str = ""
    times: Annotated[int, Field(ge=1)] | Literal["forever"] = 1
    skip: Annotated[int, Field(ge=0)] = 0
    """Requests that fit and pass before the first is hit."""
    status: Annotated[int, Field(ge=400, le=599)] = 500
    code: int = 0
    """Discord's number of the error."""
    retry_after: Annotated[float, Field(ge=0)] = 0.5
    everywhere: bool = False
    seconds: Annotated[float, Field(ge=0)] = 1.0
    done: bool = False


_faults: TypeAdapter[list[DiscordFault]] = TypeAdapter(list[DiscordFault])


def parse_discord_faults(text: bytes) -> list[DiscordFault]:
    """The faults in a JSON list. Raises `FaultError`."""
    try:
        return _faults.validate_json(text)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "list"
        raise FaultError(f"Fault {where}: {first['msg']}.") from invalid


class _Armed:
    def __init__(self, fault: DiscordFault) -> None:
        self.fault = fault
        self.skip = fault.skip
        self.left = float("inf") if fault.times == "forever" else float(fault.times)


class DiscordFaults:
    """The faults still to come, in the order they were set."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, faults: Sequence[DiscordFault]) -> None:
        """Set more of them."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._armed.clear()

    def left(self) -> list[DiscordFault]:
        """What is still set."""
        return [armed.fault for armed in self._armed]

    def take(self, method: str, path: str) -> DiscordFault | None:
        """The first fault that hits this request, used up by one."""
        for armed in self._armed:
            fault = armed.fault
            if fault.method not in (None, method) or not re.search(fault.path, path):
                continue
            if armed.skip > 0:
                armed.skip -= 1
                continue
            armed.left -= 1
            if armed.left <= 0:
                self._armed.remove(armed)
            return fault
        return None
