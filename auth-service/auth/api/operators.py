"""What operators do with other people's accounts, and the book of what was done."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from auth.api.deps import ByOperator, TheAuth
from auth.api.shapes import (
    Account,
    Accounts,
    AuditEvent,
    AuditPage,
    ChangeUser,
    Deleted,
    OneTimeCode,
    account_of,
)
from auth.errors import UnknownUser

router = APIRouter(tags=["operators"])
UserId = Annotated[str, Path(min_length=1, max_length=64)]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(min_length=1, max_length=100)]


@router.post("/invites", status_code=201)
async def invite(by: ByOperator, auth: TheAuth) -> OneTimeCode:
    """A code with which one person may register where REGISTRATION=invite."""
    code = await auth.accounts.invite(by=by)
    return OneTimeCode(code=code.text, expires_in=code.expires_in)


@router.get("/users")
async def users(_: ByOperator, auth: TheAuth, limit: Limit = 50, after: After = None) -> Accounts:
    """All accounts, in no order that means anything."""
    found, following = await auth.repository.page(limit=limit, after=after)
    return Accounts(users=[account_of(user) for user in found], next=following)


@router.get("/users/{user_id}")
async def show(user_id: UserId, _: ByOperator, auth: TheAuth) -> Account:
    """One account."""
    user = await auth.repository.user(user_id)
    if user is None:
        raise UnknownUser
    return account_of(user)


@router.patch("/users/{user_id}", status_code=204)
async def change(user_id: UserId, body: ChangeUser, by: ByOperator, auth: TheAuth) -> None:
    """Shut a person out or let them in again; make them an admin or no longer one."""
    await auth.accounts.set_rights(user_id, role=body.role, disabled=body.disabled, by=by)


@router.delete("/users/{user_id}")
async def remove(user_id: UserId, by: ByOperator, auth: TheAuth) -> Deleted:
    """Remove an account, and everything the brain keeps about the person."""
    user = await auth.repository.user(user_id)
    if user is None:
        raise UnknownUser
    return Deleted(user_id=user_id, forgotten=await auth.leaving.remove(user, by=by))


@router.get("/audit")
async def audit(_: ByOperator, auth: TheAuth, limit: Limit = 50, after: After = None) -> AuditPage:
    """Who did what, when and from where; the newest first, ninety days."""
    events, following = await auth.audit.page(limit=limit, after=after)
    return AuditPage(events=[AuditEvent.of(event) for event in events], next=following)
