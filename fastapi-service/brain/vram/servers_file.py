"""
MODEL_SERVERS_FILE: the model servers as a JSON list, read again whenever it changes.

```json
[{"name": "box", "kind": "vllm", "url": "http://box:8000", "memory_gb": 84},
 {"ip": "192.168.1.20", "port": 1234, "name": "mac", "maxMemory": 64, "preferredModels": ["*"]}]
```

The second form is that of LM Studio clusters: `ip` and `port` instead of `url`, and `kind`
lmstudio where none is named.

`memory_gb` is what models may take on a server that loads them, which then counts as a memory of
its own: neither the limits nor the free memory of this machine are asked for it. Without it a
server shares this machine's memory when it runs here: at an address of ours, or as a service of the
compose file that the brain is in; any other host is a memory of its own with the usual limit.
"""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import anyio
import structlog
from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.addresses import refuse_secrets
from shared.clock import Clock

log = structlog.get_logger(__name__)
ServerProduct = Literal["ollama", "sglang", "vllm", "tensorrt", "lmstudio", "llamacpp", "openai"]
LMSTUDIO_PORT = 1234
POLL_SECONDS = 2.0
ANY_MODEL = "*"


class ServersFileError(Exception):
    """A file that cannot be used; a sentence for each mistake, naming entry and field."""


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One server an operator has listed."""

    name: str
    kind: ServerProduct
    url: str
    """Without a trailing slash."""

    enabled: bool = True
    memory_gb: float | None = None
    """
    What models may take there, in a memory of its own; for a server with fixed models what it
    takes. GB of 10^9 bytes.
    """

    slots: int | None = None
    """Requests it serves at once, over all models."""

    parallel: int | None = None
    """Requests it serves at once per model."""

    disk_gb_per_second: float | None = None
    preferred_models: tuple[str, ...] = (ANY_MODEL,)
    control_key: str = field(default="", repr=False)
    """TensorRT-LLM's TRTLLM_RUNTIME_CONTROL_API_KEY."""

    def prefers(self, model: str) -> bool:
        """Whether `model` should rather go here than elsewhere."""
        return ANY_MODEL in self.preferred_models or model in self.preferred_models


Size = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
_url: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


class _Row(BaseModel):
    """An entry as written, in either form."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    name: Annotated[str, Field(min_length=1)]
    kind: ServerProduct | None = None
    url: str | None = None
    ip: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = LMSTUDIO_PORT
    enabled: bool = True
    memory_gb: Annotated[Size | None, Field(alias="maxMemory")] = None
    slots: Count | None = None
    parallel: Count | None = None
    disk_gb_per_second: Size | None = None
    preferred_models: Annotated[list[str], Field(alias="preferredModels")] = [ANY_MODEL]
    supported_formats: Annotated[list[str], Field(alias="supportedFormats")] = []
    control_key: str = ""


def parse_servers(text: str, *, origin: str) -> tuple[ServerEntry, ...]:
    """The entries of a JSON text, disabled ones too. Raises `ServersFileError`."""
    try:
        rows = json.loads(text)
    except ValueError as invalid:
        raise ServersFileError(f"{origin} is not valid JSON: {invalid}.") from invalid
    if not isinstance(rows, list):
        raise ServersFileError(f"{origin} must be a JSON list of servers.")
    problems: list[str] = []
    entries: list[ServerEntry] = []
    for number, row in enumerate(rows, 1):
        who = f"server {number}" + (f" ({row['name']})" if _has_name(row) else "")
        try:
            entries.append(_entry(_Row.model_validate(row)))
        except ValidationError as invalid:
            problems += [f"{who}, {sentence}" for sentence in _sentences(invalid)]
        except ValueError as wrong:
            problems.append(f"{who}, {wrong}")
    counts = Counter(entry.name for entry in entries)
    problems += [
        f"the name {name} stands there {times} times" for name, times in counts.items() if times > 1
    ]
    if problems:
        raise ServersFileError(f"{origin} cannot be used: {'; '.join(problems)}.")
    return tuple(entries)


class ServersFile:
    """The file at `path`, watched."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._seen: tuple[int, int] | None = None
        self.problem = ""
        """Why the newest content is not in use; empty while it is."""

    async def read(self) -> tuple[ServerEntry, ...]:
        """The servers now. Raises `ServersFileError`."""
        return await anyio.to_thread.run_sync(self._read)

    async def watch(self) -> AsyncGenerator[tuple[ServerEntry, ...], None]:
        """
        The servers again whenever they have changed, without end.

        A file that cannot be used changes nothing: the last good servers stay, `problem` says why,
        and so does the log, once.
        """
        while True:
            await self._clock.sleep(POLL_SECONDS)
            try:
                if await anyio.to_thread.run_sync(self._stamp) == self._seen:
                    continue
                entries = await self.read()
            except ServersFileError as broken:
                if str(broken) != self.problem:
                    log.warning("servers_file.broken", reason=str(broken))
                self.problem = str(broken)
                continue
            self.problem = ""
            yield entries

    def _read(self) -> tuple[ServerEntry, ...]:
        self._seen = self._stamp()
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as unreadable:
            raise self._unreadable(unreadable) from unreadable
        return parse_servers(text, origin=str(self._path))

    def _stamp(self) -> tuple[int, int]:
        """What changes when the file does."""
        try:
            facts = self._path.stat()
        except OSError as missing:
            self._seen = None
            raise self._unreadable(missing) from missing
        return facts.st_mtime_ns, facts.st_size

    def _unreadable(self, failure: OSError | UnicodeDecodeError) -> ServersFileError:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not UTF-8"
        return ServersFileError(f"{self._path} cannot be read: {reason}.")


def _has_name(row: object) -> bool:
    return isinstance(row, Mapping) and isinstance(row.get("name"), str)


def _entry(row: _Row) -> ServerEntry:
    """Raises `ValueError` with the field that is wrong."""
    kind = row.kind or ("lmstudio" if row.ip is not None else None)
    if kind is None:
        raise ValueError(f"field kind: one of {', '.join(get_args(ServerProduct))} is needed")
    if kind == "llamacpp":
        raise ValueError(
            "field kind: models inside this process cannot be spoken with yet, "
            "start `python -m llama_cpp.server` and list it as openai"
        )
    return ServerEntry(
        name=row.name,
        kind=kind,
        url=_address(row),
        enabled=row.enabled,
        memory_gb=row.memory_gb,
        slots=row.slots,
        parallel=row.parallel,
        disk_gb_per_second=row.disk_gb_per_second,
        preferred_models=tuple(row.preferred_models),
        control_key=row.control_key,
    )


def _address(row: _Row) -> str:
    if (row.url is None) == (row.ip is None):
        raise ValueError("field url: either url or ip is needed, not both")
    where = "url" if row.url is not None else "ip"
    address = row.url or f"http://{f'[{row.ip}]' if ':' in (row.ip or '') else row.ip}:{row.port}"
    try:
        url = str(_url.validate_python(address))
    except ValidationError as invalid:  # the sentence is logged, so it does not repeat the address
        raise ValueError(f"field {where}: must be an address like http://host:port") from invalid
    try:
        refuse_secrets(url)
    except ValueError as secret:
        raise ValueError(f"field {where}: {secret}") from secret
    return url.rstrip("/")


def _sentences(invalid: ValidationError) -> list[str]:
    found: list[str] = []
    for error in invalid.errors(include_input=False, include_url=False):
        parts: tuple[Any, ...] = error["loc"]
        where = ".".join(str(part) for part in parts)
        message = error["msg"][0].lower() + error["msg"][1:]
        found.append(f"field {where}: {message}" if where else message)
    return found
