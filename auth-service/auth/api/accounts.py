"""What people do: make an account, sign in and out, look at and remove what is theirs."""

from fastapi import APIRouter

from auth.accounts import NewAccount
from auth.api.deps import Address, ByPerson, Person, TheAuth
from auth.api.shapes import (
    ChangePassword,
    Created,
    DeleteAccount,
    Deleted,
    Login,
    Me,
    Method,
    Register,
    Registering,
    SignIn,
    method_of,
    profile_of,
    sign_in_of,
)
from auth.audit import By
from auth.passwords import check_password

router = APIRouter(tags=["accounts"])


@router.get("/registration")
async def registration(auth: TheAuth) -> Registering:
    """Who may make an account, and the ways to sign in there are here."""
    return Registering(
        registration=auth.accounts.registration,
        providers=["password", "discord"] if auth.discord.is_set_up else ["password"],
    )


@router.post("/register", status_code=201)
async def register(body: Register, address: Address, auth: TheAuth) -> Created:
    """Make an account."""
    user = await auth.accounts.register(
        NewAccount(body.username, body.password, body.display_name, body.email, body.invite),
        by=By(None, address),
    )
    return Created(user_id=user.user_id)


@router.post("/login")
async def login(body: Login, address: Address, auth: TheAuth) -> SignIn:
    """Sign in."""
    proof = await auth.passwords.prove(body.username, body.password, address=address)
    return sign_in_of(*await auth.accounts.sign_in(proof, address=address))


@router.post("/logout", status_code=204)
async def logout(person: Person, by: ByPerson, auth: TheAuth) -> None:
    """End this sign-in."""
    await auth.accounts.sign_out(person, by=by)


@router.post("/refresh")
async def refresh(person: Person, auth: TheAuth) -> SignIn:
    """A fresh token; the old one ends."""
    return sign_in_of(person.user, await auth.accounts.refresh(person))


@router.post("/password")
async def password(
    body: ChangePassword, person: Person, by: ByPerson, address: Address, auth: TheAuth
) -> SignIn:
    """Change the password; all sign-ins end and a new one begins."""
    check_password(body.new, username=person.user.username, field="new")
    await auth.passwords.confirm(person.user, body.old, address=address)
    return sign_in_of(person.user, await auth.accounts.change_password(person, body.new, by=by))


@router.get("/me")
async def me(person: Person, auth: TheAuth) -> Me:
    """Who I am, and how I can sign in."""
    methods = await auth.repository.methods(person.user.user_id)
    return Me(
        **profile_of(person.user).model_dump(),
        auth_methods=[method_of(method) for method in methods],
    )


@router.delete("/me")
async def leave(
    body: DeleteAccount, person: Person, by: ByPerson, address: Address, auth: TheAuth
) -> Deleted:
    """Remove my account, and everything the brain keeps about me."""
    await auth.passwords.confirm(person.user, body.password, address=address)
    forgotten = await auth.leaving.remove(person.user, by=by)
    return Deleted(user_id=person.user.user_id, forgotten=forgotten)


@router.get("/auth-methods")
async def methods(person: Person, auth: TheAuth) -> list[Method]:
    """The ways in which I can sign in."""
    return [method_of(one) for one in await auth.repository.methods(person.user.user_id)]
