"""
Structured logs: one JSON object a line on stderr, or coloured text on a terminal.

A record is `{timestamp, level, service, event, message, request_id, …}`; `event` is `noun.verb`,
facts are keyword arguments, `message` is there where a document promises a wording. What is bound
with `structlog.contextvars.bind_contextvars` (the request id, once, at the door) is on every line.
Texts of messages, tokens and secrets are never logged.
"""

import logging
import sys
from typing import Any

import orjson
import structlog

QUIET = ("httpx", "httpcore", "botocore", "boto3", "urllib3", "asyncio", "strands", "mcp")


def configure(service: str, *, level: str = "INFO") -> None:
    """Set up logging for the whole process; call it once, before anything is logged."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_service(service),
    ]
    pretty = sys.stderr.isatty()
    final: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if pretty
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(_dumps)]
    )
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _bridge_standard_logging(shared, final, level)


def _bridge_standard_logging(shared: list[Any], final: list[Any], level: str) -> None:
    """Libraries log through the standard library; their lines take the same shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _foreign_event],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Strands leaves OpenTelemetry contexts open when a stream ends early; the traceback says nothing.
    logging.getLogger("opentelemetry.context").setLevel(logging.CRITICAL)


def _with_service(service: str) -> Any:
    def add(_: Any, __: str, record: dict[str, Any]) -> dict[str, Any]:
        record.setdefault("service", service)
        return record

    return add


def _foreign_event(_: Any, __: str, record: dict[str, Any]) -> dict[str, Any]:
    origin = record.get("_record")
    record["message"] = record["event"]
    record["event"] = "library.log" if origin is None else f"{origin.name.split('.')[0]}.log"
    return record


def _dumps(record: dict[str, Any], default: Any = str, **_: Any) -> str:
    return orjson.dumps(record, default=default).decode()
