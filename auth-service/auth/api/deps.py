"""What a handler may ask for: the service's parts, and who is calling from where."""

from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request

from auth.accounts import SignedIn
from auth.audit import By
from auth.wiring import Auth
from shared.errors import AuthRequired, Forbidden
from shared.tokens import bearer, same_secret

SERVICE_HEADER = "x-service-token"
ADDRESS_HEADER = "x-client-address"


def get_auth(request: Request) -> Auth:
    """The parts this application was made for."""
    auth = request.app.state.auth
    assert isinstance(auth, Auth)
    return auth


TheAuth = Annotated[Auth, Depends(get_auth)]


def address_of(request: Request, auth: TheAuth) -> str:
    """
    Where the person is: the other end of the connection.

    The web chat calls for many people from one address. What it says in `X-Client-Address` is
    believed when `X-Service-Token` holds the service token, and ignored from anybody else.
    """
    told = request.headers.get(ADDRESS_HEADER, "")
    if told and same_secret(request.headers.get(SERVICE_HEADER, ""), auth.service_token):
        try:
            return str(ip_address(told.strip()))
        except ValueError:
            pass
    return request.client.host if request.client else "unknown"


Address = Annotated[str, Depends(address_of)]


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


def person_by(person: Person, address: Address) -> By:
    """The person calling, as the audit names them."""
    return By(person.user.user_id, address)


ByPerson = Annotated[By, Depends(person_by)]


def service_by(token: Token, auth: TheAuth, address: Address) -> By:
    """Lets only our own services in. Raises `AuthRequired`."""
    if not same_secret(token, auth.service_token):
        raise AuthRequired("This call needs the service token.")
    return By("service", address)


ByService = Annotated[By, Depends(service_by)]


async def operator_by(token: Token, auth: TheAuth, address: Address) -> By:
    """Lets our own services and admins in. Raises `AuthRequired`, `Forbidden`."""
    if same_secret(token, auth.service_token):
        return By("service", address)
    caller = await auth.accounts.who(token)
    if caller.user.role != "admin":
        raise Forbidden("Only an operator may do this.")
    return By(caller.user.user_id, address)


ByOperator = Annotated[By, Depends(operator_by)]
