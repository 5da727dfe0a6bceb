"""
Failures that may cross a service boundary.

BoundaryError              500  internal
├─ InvalidRequest          422  the caller must change something
├─ AuthRequired            401  who is calling is not known
├─ Forbidden               403  the caller is known and may not do this
├─ NotFound                404
├─ Conflict                409  a true request at the wrong moment
├─ TooMany                 429  the caller must slow down
├─ Busy                    503  try again later, nothing is broken
└─ Upstream                502  something we depend on failed

`code` is part of the wire contract (the list of failure codes in TECHNICAL.md): clients branch on
it, so it never changes. A domain subclasses the nearest of these in its own `errors.py` and builds
the sentence a person reads from the facts of the case.
"""

from typing import Any


class BoundaryError(Exception):
    """A failure with an HTTP status, a stable code and a sentence for the person who caused it."""

    status: int = 500
    code: str = "internal"
    retryable: bool = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, Any]:
        """The JSON body of protocol section 4: `{"error": {"code", "message", "retryable"}}`."""
        return {"error": {"code": self.code, "message": self.message, "retryable": self.retryable}}


class InvalidRequest(BoundaryError):
    """The request as sent can never succeed."""

    status = 422
    code = "protocol.malformed"


class AuthRequired(BoundaryError):
    """No token, or one that is not valid (any more)."""

    status = 401
    code = "auth.required"


class Forbidden(BoundaryError):
    """A valid token without the right to do this."""

    status = 403
    code = "auth.forbidden"


class NotFound(BoundaryError):
    """The thing asked for does not exist, or not for this caller."""

    status = 404
    code = "not_found"


class Conflict(BoundaryError):
    """A fine request that contradicts the present state."""

    status = 409
    code = "conflict"


class TooMany(BoundaryError):
    """The caller exceeded a limit that time restores."""

    status = 429
    code = "too_many"
    retryable = True


class Busy(BoundaryError):
    """Nothing is broken; there is no room right now."""

    status = 503
    code = "busy"
    retryable = True


class Upstream(BoundaryError):
    """A server we depend on did not do its part."""

    status = 502
    code = "upstream"
    retryable = True


class StoreUnavailable(Busy):
    """The database cannot be reached or refuses to work."""

    code = "store.unavailable"

    sentence = "The database does not answer right now; please try again in a moment."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(self.sentence)
