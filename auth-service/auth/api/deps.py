"""What a handler may ask for: the service's parts, and who is calling."""

from typing import Annotated

from fastapi import Depends, Request

from auth.accounts import SignedIn
from auth.wiring import Auth
from shared.errors import AuthRequired, Forbidden
from shared.tokens import bearer, same_secret


def get_auth(request: Request) -> Auth:
    """The parts this application was made for."""
    auth = request.app.state.auth
    assert isinstance(auth, Auth)
    return auth


TheAuth = Annotated[Auth, Depends(get_auth)]


def token_of(request: Request) -> str:
    """The bearer token of the call. Raises `AuthRequired`."""
    token = bearer(request.headers.get("authorization"))
    if token is None:
        raise AuthRequired("Please log in: this call needs `Authorization: Bearer <token>`.")
    return token


Token = Annotated[str, Depends(token_of)]


async def signed_in(token: Token, auth: TheAuth) -> SignedIn:
    """The person calling. Raises `AuthRequired`."""
    return await auth.accounts.who(token)


Person = Annotated[SignedIn, Depends(signed_in)]


def only_services(token: Token, auth: TheAuth) -> None:
    """Let only our own services in. Raises `AuthRequired`."""
    if not same_secret(token, auth.service_token):
        raise AuthRequired("This call needs the service token.")


async def only_operators(token: Token, auth: TheAuth) -> None:
    """Let our own services and admins in. Raises `AuthRequired`, `Forbidden`."""
    if same_secret(token, auth.service_token):
        return
    caller = await auth.accounts.who(token)
    if caller.user.role != "admin":
        raise Forbidden("Only an operator may do this.")


def address_of(request: Request) -> str:
    """Where the call comes from, as far as the connection tells."""
    return request.client.host if request.client else "unknown"


Address = Annotated[str, Depends(address_of)]
