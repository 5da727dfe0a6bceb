"""Accounts and sign-ins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from auth.accounts import NewAccount
from auth.api.deps import Address, Person, TheAuth, only_operators
from auth.api.shapes import (
    ChangePassword,
    ChangeUser,
    Created,
    Login,
    Me,
    Method,
    OneTimeCode,
    Register,
    SignIn,
    profile_of,
    sign_in_of,
)

router = APIRouter(tags=["accounts"])
UserId = Annotated[str, Path(max_length=64)]


@router.post("/register", status_code=201)
async def register(body: Register, auth: TheAuth) -> Created:
    """Make an account."""
    user = await auth.accounts.register(
        NewAccount(body.username, body.password, body.display_name, body.email, body.invite)
    )
    return Created(user_id=user.user_id)


@router.post("/login")
async def login(body: Login, address: Address, auth: TheAuth) -> SignIn:
    """Sign in."""
    user, session = await auth.accounts.sign_in(body.username, body.password, address=address)
    return sign_in_of(user, session)


@router.post("/logout", status_code=204)
async def logout(person: Person, auth: TheAuth) -> None:
    """End this sign-in."""
    await auth.accounts.sign_out(person)


@router.post("/refresh")
async def refresh(person: Person, auth: TheAuth) -> SignIn:
    """A fresh token; the old one ends."""
    return sign_in_of(person.user, await auth.accounts.refresh(person))


@router.post("/password")
async def password(body: ChangePassword, person: Person, address: Address, auth: TheAuth) -> SignIn:
    """Change the password; all sign-ins end and a new one begins."""
    session = await auth.accounts.change_password(
        person, old=body.old, new=body.new, address=address
    )
    return sign_in_of(person.user, session)


@router.get("/me")
async def me(person: Person, auth: TheAuth) -> Me:
    """Who I am, and how I can sign in."""
    methods = await auth.repository.methods(person.user.user_id)
    return Me(
        **profile_of(person.user).model_dump(),
        auth_methods=[Method(provider=each.provider, name=each.name) for each in methods],
    )


@router.post("/invites", status_code=201, dependencies=[Depends(only_operators)])
async def invite(auth: TheAuth) -> OneTimeCode:
    """A code with which one person may register where REGISTRATION=invite."""
    code = await auth.accounts.invite()
    return OneTimeCode(code=code.text, expires_in=code.expires_in)


@router.patch("/users/{user_id}", status_code=204, dependencies=[Depends(only_operators)])
async def change_user(user_id: UserId, body: ChangeUser, auth: TheAuth) -> None:
    """Shut a person out, or let them in again."""
    await auth.accounts.set_disabled(user_id, body.disabled)
