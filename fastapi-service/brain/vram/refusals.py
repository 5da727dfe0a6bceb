"""Turns what the core says about a failure into the error that a caller gets."""

from collections.abc import Mapping

from brain.vram.errors import (
    BackendUnreachable,
    BreakerOpen,
    LoadFailed,
    ModelNeverFits,
    ModelUnavailable,
)
from brain.vram.events import Failure
from brain.vram.residents import ServerFacts
from shared.errors import BoundaryError


def error_of(failure: Failure, model: str, servers: Mapping[str, ServerFacts]) -> BoundaryError:
    """What a caller of `model` is told about `failure`."""
    match failure.cause:
        case "missing":
            return ModelUnavailable(model)
        case "never_fits":
            return ModelNeverFits(model, need_gb=failure.need_gb, ceiling_gb=failure.ceiling_gb)
        case "unreachable":
            server = servers.get(failure.server or "")
            if server is None:  # it was taken out of use meanwhile
                return BackendUnreachable(failure.server or "its server", failure.reason)
            return BackendUnreachable(server.url, failure.reason, kind=server.kind)
        case "breaker_open":
            return BreakerOpen(model, retry_seconds=failure.retry_seconds)
        case "failed":
            return LoadFailed(model, failure.reason)
