"""
Structured logs: one JSON object a line on stderr, or coloured text on a terminal; and, where there
is one, to the log server.

A record is `{timestamp, level, service, event, message, request_id, …}`; `event` is `noun.verb`,
facts are keyword arguments, `message` holds the wording a document promises, else the event again.
What is bound with `structlog.contextvars.bind_contextvars` (the request id, once, at the door) is
on every line. Texts of messages, tokens and secrets are never logged; tracebacks therefore come
without the values of local variables.
"""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from shared.log_shipping import LogShipper

QUIET = (
    "httpx", "httpcore", "botocore", "boto3", "urllib3", "asyncio", "strands", "mcp", "PIL",
    "trafilatura", "htmldate", "charset_normalizer", "discord",
)  # fmt: skip
SILENT = ("ddgs", "primp", "opentelemetry.context")
"""The first two log what people search for; the last, that a stream ended early."""

Record = MutableMapping[str, Any]
Ship = Callable[[str], None]


def configure(
    service: str,
    *,
    level: str = "INFO",
    server: tuple[str, int] | None = None,
    ship: Ship | None = None,
) -> None:
    """
    Set up logging for the whole process; call it once, before anything is logged.

    Records go to stderr, and to the log `server` (host, port) where there is one. `ship` takes
    them, each as a JSON object, instead of a server.
    """
    if server is not None:
        shipper = LogShipper(*server, dropped=lambda count: _dropped(service, count))
        shipper.start()
        ship = shipper.put
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_service(service),
    ]
    final = _for_people(ship) if sys.stderr.isatty() else _for_machines(ship)
    structlog.configure(
        processors=[*common, *final],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # Looked up at each line, so that a replaced stderr (tests, supervisors) is honoured.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _bridge_standard_logging(common, final, level)


def _for_people(ship: Ship | None) -> list[Processor]:
    text = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [text] if ship is None else [_copied(_for_machines(ship)), text]


def _for_machines(ship: Ship | None) -> list[Processor]:
    without_values = ExceptionDictTransformer(show_locals=False)
    lines: list[Processor] = [
        structlog.processors.ExceptionRenderer(without_values),
        _with_message,
        structlog.processors.JSONRenderer(_dumps),
    ]
    return lines if ship is None else [*lines, _shipped(ship)]


def _shipped(ship: Ship) -> Processor:
    def send(_: Any, __: str, line: Any) -> Any:
        ship(line)
        return line

    return send


def _copied(processors: list[Processor]) -> Processor:
    """What these make of a record, beside what others make of it."""

    def copy(logger: Any, name: str, record: Record) -> Record:
        made: Any = dict(record)
        for process in processors:
            made = process(logger, name, made)
        return record

    return copy


def _dropped(service: str, count: int) -> str:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    record = {
        "level": "warning",
        "service": service,
        "event": "log.dropped",
        "message": f"{count} records are missing here: too long, or the log server was away.",
        "records": count,
    }
    return _dumps(stamp(None, "", record))


def _bridge_standard_logging(common: list[Processor], final: list[Processor], level: str) -> None:
    """Libraries log through the standard library; their lines take the same shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, _foreign_event],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # At DEBUG libraries log what goes over the wire: texts, and headers with tokens.
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.INFO))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _with_service(service: str) -> Processor:
    def add(_: Any, __: str, record: Record) -> Record:
        record.setdefault("service", service)
        return record

    return add


def _with_message(_: Any, __: str, record: Record) -> Record:
    record.setdefault("message", record["event"])
    return record


def _foreign_event(_: Any, __: str, record: Record) -> Record:
    origin = record.get("_record")
    record["message"] = record["event"]
    record["event"] = "library.log" if origin is None else f"{origin.name.split('.')[0]}.log"
    return record


def _dumps(record: Any, default: Any = str, **_: Any) -> str:
    try:
        return orjson.dumps(record, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # what orjson refuses (huge integers, broken Unicode) must not cost the line
        text = json.dumps(record, default=default, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no UTF-8
