"""What a handler may ask for: the brain, and who is calling."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from brain.chat.admission import Caller
from brain.wiring import Brain
from shared.errors import AuthRequired, Forbidden
from shared.tokens import bearer, same_secret

BEARER_PROTOCOL = "bearer."
PROTOCOL = "trollama.v1"


def get_brain(connection: HTTPConnection) -> Brain:
    """The brain this application was made for."""
    brain = connection.app.state.brain
    assert isinstance(brain, Brain)
    return brain


TheBrain = Annotated[Brain, Depends(get_brain)]


def caller_of(connection: HTTPConnection, brain: TheBrain) -> Caller:
    """
    Who authenticated: the service token or a user's JWT.

    Browsers cannot set a header on a WebSocket; they send the token as a subprotocol (protocol
    section 2). Raises `AuthRequired`.
    """
    token = bearer(connection.headers.get("authorization")) or _subprotocol_token(connection)
    if token is None:
        raise AuthRequired("Please log in: this call needs `Authorization: Bearer <token>`.")
    if same_secret(token, brain.service_token):
        return Caller("service")
    claims = brain.verifier.verify(token)
    return Caller("user", user_id=claims.user_id, name=claims.name, role=claims.role)


TheCaller = Annotated[Caller, Depends(caller_of)]


def operator_of(caller: TheCaller) -> Caller:
    """A caller who may do operator things. Raises `Forbidden`."""
    if not caller.is_operator:
        raise Forbidden("Only an operator may do this.")
    return caller


TheOperator = Annotated[Caller, Depends(operator_of)]


def offered_protocols(connection: HTTPConnection) -> list[str]:
    """The subprotocols a WebSocket client offers, in its order (RFC 6455, section 4.1)."""
    offered = connection.headers.get("sec-websocket-protocol", "")
    return [part.strip() for part in offered.split(",") if part.strip()]


def _subprotocol_token(connection: HTTPConnection) -> str | None:
    for name in offered_protocols(connection):
        if name.startswith(BEARER_PROTOCOL):
            return name.removeprefix(BEARER_PROTOCOL) or None
    return None
